# Answers with Sinatra, served by Puma.
require "json"
require "sinatra/base"

class App < Sinatra::Base
  get "/" do
    content_type :json
    { framework: "sinatra", version: Sinatra::VERSION, language: "ruby" }.to_json
  end

  get "/healthz" do
    content_type :text
    "ok\n"
  end
end

run App
