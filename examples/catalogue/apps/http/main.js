// Answers with Node's own http module, without any package.
"use strict";

const http = require("http");

const bodies = {
  "/": JSON.stringify({ framework: "http", version: process.version, language: "node" }),
  "/healthz": JSON.stringify("ok"),
};

process.once("SIGTERM", () => process.exit());
const port = Number(process.env.PORT || 8080);
http
  .createServer((request, response) => {
    const body = bodies[request.url];
    response.writeHead(body ? 200 : 404, { "Content-Type": "application/json" });
    response.end(body);
  })
  .listen(port, "0.0.0.0", () => console.log(`Listening on ${port}`));
