// Answers with Polka.
"use strict";

const polka = require("polka");
const { version } = require("polka/package.json");

const app = polka();
app.get("/", (request, response) => {
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify({ framework: "polka", version, language: "node" }));
});
app.get("/healthz", (request, response) => response.end("ok\n"));

process.once("SIGTERM", () => process.exit());
const port = Number(process.env.PORT || 8080);
app.listen(port, "0.0.0.0", () => console.log(`Listening on ${port}`));
