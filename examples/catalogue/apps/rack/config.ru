# Answers with Rack alone, served by Puma.
require "json"
require "rack"

run lambda { |env|
  case env["PATH_INFO"]
  when "/"
    answer = { framework: "rack", version: Rack.release, language: "ruby" }
    [200, { "content-type" => "application/json" }, [answer.to_json]]
  when "/healthz"
    [200, { "content-type" => "text/plain" }, ["ok\n"]]
  else
    [404, { "content-type" => "text/plain" }, ["not found\n"]]
  end
}
