/** Reads the imports of the workspace's files from the sources. Test code for arrows.test.ts. */
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** Paths from the repository's root, with forward slashes. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** Static and dynamic imports, and the files of worker threads (`new URL("./x.ts", import.meta.url)`). */
const importPattern = /(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"|new URL\("([^"]+\.ts)", import\.meta\.url\)/g;

/** The imports of one source: relative paths resolved against the file, package names unchanged. */
export function importsOf(file: string, source: string): string[] {
  return [...withoutComments(source).matchAll(importPattern)].map((match) => {
    const target = match[1] ?? match[2] ?? "";
    return target.startsWith(".") ? path.posix.join(path.posix.dirname(file), target) : target;
  });
}

function withoutComments(source: string): string {
  return source.replace(/^\s*(\/\*[\s\S]*?\*\/|\/\/.*|\*.*)$/gm, "");
}

export const readSource = (file: string) => readFileSync(path.join(root, file), "utf8");

export function readImports(): ImportGraph {
  const files = globSync("{operator,trainer,cli,terminal,demo,test,tools,images,.dagger}/**/*.ts", {
    cwd: root,
    exclude: (name) => name === "node_modules" || name === "build",
  });
  return new Map(files.sort().map((file) => [file, importsOf(file, readSource(file))]));
}

/** The same for the C++ files: each file's includes of our own files. */
export function readIncludes(): ImportGraph {
  const files = globSync("trainer/{native,ops}/**/*.{h,cc}", {
    cwd: root,
    exclude: (name) => name.startsWith("build"),
  });
  const includesOf = (file: string) =>
    [...readSource(file).matchAll(/^#include "([^"]+)"/gm)].map(([, target = ""]) =>
      path.posix.join(path.posix.dirname(file), target),
    );
  return new Map(files.sort().map((file) => [file, includesOf(file)]));
}

/** Everything that `file` imports directly or indirectly. */
export function reachable(graph: ImportGraph, file: string): ReadonlySet<string> {
  const seen = new Set<string>();
  const visit = (at: string) => {
    for (const target of graph.get(at) ?? []) {
      if (seen.has(target)) continue;
      seen.add(target);
      visit(target);
    }
  };
  visit(file);
  return seen;
}

/** Started by name, so that only their tests import them. */
const isProgram = (file: string) => file.endsWith("/main.ts");

/** Tests, test kits and benchmarks by their names, and the files that only these import. */
export function testCode(graph: ImportGraph): ReadonlySet<string> {
  const importers = new Map<string, string[]>();
  for (const [file, targets] of graph) {
    for (const target of targets) importers.set(target, [...(importers.get(target) ?? []), file]);
  }
  const tests = new Set(
    [...graph.keys()].filter((file) =>
      /\.test\.ts$|\/(testing|bench)(\/|\.ts$)|^trainer\/ops\/\w+\/cases\.ts$/.test(file),
    ),
  );
  for (let before = -1; before !== tests.size; ) {
    before = tests.size;
    for (const [file, by] of importers) {
      if (!isProgram(file) && by.every((importer) => tests.has(importer))) tests.add(file);
    }
  }
  return tests;
}

/** The room of a file: its directory; all ops are one room, all methods are, and the contract with its methods is. */
const roomOf = (file: string) => path.posix.dirname(file).replace(/^(trainer\/(?:ops|methods|contract))\/.*/, "$1");

/**
 * The imports between rooms, without tests. A program's `main.ts` is above the rooms that it starts, so it is a separate
 * room.
 */
export function roomsOf(graph: ImportGraph): ImportGraph {
  const tests = testCode(graph);
  const nameOf = (file: string) => (isProgram(file) ? file : roomOf(file));
  const rooms = new Map<string, Set<string>>();
  for (const [file, targets] of graph) {
    if (tests.has(file)) continue;
    const room = nameOf(file);
    const imported = rooms.get(room) ?? new Set();
    rooms.set(room, imported);
    for (const target of targets) if (graph.has(target) && nameOf(target) !== room) imported.add(nameOf(target));
  }
  return new Map([...rooms].map(([room, imported]) => [room, [...imported].sort()]));
}
