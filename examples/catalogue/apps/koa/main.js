// Answers with Koa.
"use strict";

const Koa = require("koa");
const { version } = require("koa/package.json");

const bodies = {
  "/": { framework: "koa", version, language: "node" },
  "/healthz": "ok\n",
};
const app = new Koa();
app.use((context) => {
  context.body = bodies[context.path]; // without one, Koa answers 404
});

process.once("SIGTERM", () => process.exit());
const port = Number(process.env.PORT || 8080);
app.listen(port, "0.0.0.0", () => console.log(`Listening on ${port}`));
