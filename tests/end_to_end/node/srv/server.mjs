// Finds packages by `import` and by `require`, from a folder that has no node_modules above but "/".
import { createRequire } from "node:module";
import esbuild from "esbuild";
import express from "express";

const require = createRequire(import.meta.url);
const application = express();
application.get("/", (_, answer) =>
  answer.json({
    same: require("express") === express,
    built: esbuild.transformSync("let x: number = 1", { loader: "ts" }).code.trim(),
    path: process.env.PATH,
  }),
);
application.listen(8080);
