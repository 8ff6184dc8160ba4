# Answers with Grape, served by Puma.
require "grape"

class App < Grape::API
  format :json

  get "/" do
    { framework: "grape", version: Grape::VERSION, language: "ruby" }
  end

  get "/healthz" do
    "ok"
  end
end

run App
