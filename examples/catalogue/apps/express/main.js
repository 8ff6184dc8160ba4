// Answers with Express.
"use strict";

const express = require("express");
const { version } = require("express/package.json");

const app = express();
app.get("/", (request, response) =>
  response.json({ framework: "express", version, language: "node" })
);
app.get("/healthz", (request, response) => response.type("text").send("ok\n"));

process.once("SIGTERM", () => process.exit());
const port = Number(process.env.PORT || 8080);
app.listen(port, "0.0.0.0", () => console.log(`Listening on ${port}`));
