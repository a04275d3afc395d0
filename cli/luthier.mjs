#!/usr/bin/env node
// `luthier`, and `kubectl-finetune` by its other name: starts the command line on the Node 24 that the package brings,
// whatever Node the machine has.
import path from "node:path";
import { launch } from "../tools/node24.mjs";

process.env.LUTHIER_PROGRAM = path.basename(process.argv[1] ?? "luthier");
await launch(new URL("./main.ts", import.meta.url), process.argv.slice(2));
