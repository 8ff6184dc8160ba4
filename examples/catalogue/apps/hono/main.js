// Answers with Hono on its Node.js adapter.
"use strict";

const { serve } = require("@hono/node-server");
const { Hono } = require("hono");
const { version } = require("/node_modules/hono/package.json"); // not among its exports

const app = new Hono();
app.get("/", (context) => context.json({ framework: "hono", version, language: "node" }));
app.get("/healthz", (context) => context.text("ok\n"));

process.once("SIGTERM", () => process.exit());
const port = Number(process.env.PORT || 8080);
serve({ fetch: app.fetch, port, hostname: "0.0.0.0" }, () => console.log(`Listening on ${port}`));
