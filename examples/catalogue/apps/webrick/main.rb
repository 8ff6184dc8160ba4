# Answers with WEBrick, which was part of Ruby up to 2.7.
require "json"
require "webrick"

server = WEBrick::HTTPServer.new(
  BindAddress: "0.0.0.0",
  Port: ENV.fetch("PORT", 8080).to_i,
  DoNotReverseLookup: true,
)

server.mount_proc("/") do |request, response|
  raise WEBrick::HTTPStatus::NotFound unless request.path == "/"

  answer = { framework: "webrick", version: WEBrick::VERSION, language: "ruby" }
  response.content_type = "application/json"
  response.body = answer.to_json
end
server.mount_proc("/healthz") { |_, response| response.body = "ok\n" }

trap("TERM") { server.shutdown }
server.start
