# Answers with Rails in one file, served by Puma.
require "logger"
require "action_controller/railtie"

class App < Rails::Application
  config.eager_load = true
  config.secret_key_base = SecureRandom.hex(64)
  config.logger = Logger.new($stdout)
  config.cache_store = :null_store

  routes.append do
    root to: "answers#index"
    get "healthz", to: "answers#healthz"
  end
end

class AnswersController < ActionController::API
  def index
    render json: { framework: "rails", version: Rails.version, language: "ruby" }
  end

  def healthz
    render plain: "ok\n"
  end
end

App.initialize!
run App
