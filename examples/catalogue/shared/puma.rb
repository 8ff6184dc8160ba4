# Puma for every Ruby framework: one process, few threads, the port the environment names.
bind "tcp://0.0.0.0:#{ENV.fetch("PORT", 8080)}"
environment "production"
threads 1, 4
raise_exception_on_sigterm false
