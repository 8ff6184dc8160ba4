// Answers with hapi.
"use strict";

const Hapi = require("@hapi/hapi");

const server = Hapi.server({ port: Number(process.env.PORT || 8080), host: "0.0.0.0" });
server.route([
  {
    method: "GET",
    path: "/",
    handler: () => ({ framework: "hapi", version: server.version, language: "node" }),
  },
  { method: "GET", path: "/healthz", handler: () => "ok\n" },
]);

process.once("SIGTERM", () => process.exit());
server.start().then(
  () => console.log(`Listening on ${server.info.port}`),
  (error) => {
    console.error(error);
    process.exit(1);
  }
);
