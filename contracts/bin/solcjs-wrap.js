#!/usr/bin/env node
// The Solidity compiler of the npm package `solc` (WebAssembly) behind the command line that forge
// expects of a native solc: `--version`, and `--standard-json` with the input on stdin.
// Refuses any other mode, and reads no file outside the base, include and allowed folders.
"use strict";

const fs = require("fs");
const path = require("path");
const solc = require("solc");

/** Sorts arguments into a mode and the folders that imports may be read from. */
function parseArguments(args) {
  const options = { mode: null, roots: [], allowed: [] };
  let base = process.cwd();
  const value = (index) => {
    if (index >= args.length) throw new Error(`${args[index - 1]} needs a value`);
    return args[index];
  };
  for (let i = 0; i < args.length; i++) {
    switch (args[i]) {
      case "--version":
      case "--standard-json":
        options.mode = args[i];
        break;
      case "--base-path":
        base = value(++i);
        break;
      case "--include-path":
        options.roots.push(value(++i));
        break;
      case "--allow-paths":
        options.allowed.push(...value(++i).split(",").filter(Boolean));
        break;
      default:
        throw new Error(`unsupported argument ${args[i]}`);
    }
  }
  options.roots.unshift(base);
  return options;
}

/** True when `file` lies in `folder`. */
function isInside(file, folder) {
  const relative = path.relative(path.resolve(folder), file);
  return relative !== "" && !relative.startsWith("..") && !path.isAbsolute(relative);
}

/** The import callback: forge sends all sources along, so this runs only for what it left out. */
function importer({ roots, allowed }) {
  return (name) => {
    for (const root of roots) {
      const file = path.resolve(root, name);
      if (![...roots, ...allowed].some((folder) => isInside(file, folder))) continue;
      if (fs.existsSync(file)) return { contents: fs.readFileSync(file, "utf8") };
    }
    return { error: `file not found: ${name}` };
  };
}

function main() {
  const options = parseArguments(process.argv.slice(2));
  if (options.mode === "--version") {
    process.stdout.write(
      `solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`,
    );
  } else if (options.mode === "--standard-json") {
    const input = fs.readFileSync(0, "utf8");
    process.stdout.write(solc.compile(input, { import: importer(options) }));
  } else {
    throw new Error("expected --version or --standard-json");
  }
}

try {
  main();
} catch (error) {
  process.stderr.write(`solcjs-wrap: ${error.message}\n`);
  process.exitCode = 1;
}
