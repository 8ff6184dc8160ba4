// Answers with Fastify.
"use strict";

const app = require("fastify")({ logger: true });

app.get("/", async () => ({
  framework: "fastify",
  version: app.version,
  language: "node",
}));
app.get("/healthz", async () => "ok\n");

process.once("SIGTERM", () => process.exit());
app.listen({ port: Number(process.env.PORT || 8080), host: "0.0.0.0" }).catch((error) => {
  app.log.error(error);
  process.exit(1);
});
