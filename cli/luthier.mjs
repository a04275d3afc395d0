#!/usr/bin/env node
// `luthier`: starts the command line on the Node 24 that the package brings, whatever Node the machine has.
import { launch } from "../tools/node24.mjs";

await launch(new URL("./main.ts", import.meta.url), process.argv.slice(2));
