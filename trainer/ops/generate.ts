/**
 * Generates files from the declarations of the ops (`node tools/node24.mjs trainer/ops/generate.ts`): the C++ header of
 * op structs, signatures, index checks, the lists of kernels, the table of docs/engine.md. A test compares the
 * committed files with `generatedFiles()`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { indices } from "./generators/indices.ts";
import { withTable } from "./generators/page.ts";
import { command, structs } from "./generators/structs.ts";
import { tables } from "./generators/tables.ts";
import { computing, ops } from "./index.ts";

export interface GeneratedFile {
  readonly path: string;
  readonly text: string;
}

const root = fileURLToPath(new URL("../../", import.meta.url));
const page = "docs/engine.md";

/** Every generated file, its path from the project's root. */
export const generatedFiles = (): GeneratedFile[] => [
  { path: "trainer/native/generated/ops.h", text: structs(ops) },
  { path: "trainer/native/generated/opTable.h", text: tables(ops) },
  { path: "trainer/native/generated/indices.h", text: indices(ops) },
  { path: "trainer/ops/backends/referenceKernels.h", text: kernelList("reference.h") },
  { path: "trainer/ops/backends/cpuKernels.h", text: kernelList("cpu.h") },
  { path: "trainer/ops/backends/cudaKernels.h", text: kernelList("cuda.h") },
  { path: "trainer/ops/backends/cudaKernels.cuh", text: kernelList("cuda.cuh") },
  { path: page, text: withTable(committed(page), ops) },
];

export const committed = (path: string): string => readFileSync(`${root}${path}`, "utf8");

/** Every op has the files of every backend: a backend's build fails without one. */
function kernelList(file: string): string {
  const includes = computing(ops).map(({ name }) => `#include "../${name}/${file}"\n`);
  return `// Generated from trainer/ops/index.ts by \`${command}\`. Do not edit.\n#pragma once\n\n${includes.sort().join("")}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { path, text } of generatedFiles()) {
    writeFileSync(`${root}${path}`, text);
    process.stdout.write(`wrote ${relative(process.cwd(), `${root}${path}`)}\n`);
  }
}
