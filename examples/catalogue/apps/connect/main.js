// Answers with Connect, the middleware layer that Express grew from.
"use strict";

const connect = require("connect");
const http = require("http");
const { version } = require("connect/package.json");

const app = connect();
app.use("/healthz", (request, response) => response.end("ok\n"));
app.use((request, response, next) => {
  if (request.url !== "/") return next(); // Connect answers 404
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify({ framework: "connect", version, language: "node" }));
});

process.once("SIGTERM", () => process.exit());
const port = Number(process.env.PORT || 8080);
http.createServer(app).listen(port, "0.0.0.0", () => console.log(`Listening on ${port}`));
