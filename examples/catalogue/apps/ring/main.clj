;; Answers with Compojure's routes on Ring and its Jetty adapter.
(ns main
  (:require [clojure.java.io :as io]
            [compojure.core :refer [GET routes]]
            [ring.adapter.jetty :refer [run-jetty]]))

(def project
  "What Ring's own jar says of itself."
  (read-string (slurp (io/resource "META-INF/leiningen/ring/ring-core/project.clj"))))

(def index
  (format "{\"framework\": \"ring\", \"version\": \"%s\", \"language\": \"java\"}" (nth project 2)))

(def app
  (routes
   (GET "/" [] {:status 200, :headers {"Content-Type" "application/json"}, :body index})
   (GET "/healthz" [] {:status 200, :body "ok\n"})))

(run-jetty app {:host "0.0.0.0", :port (Integer/parseInt (or (System/getenv "PORT") "8080"))})
