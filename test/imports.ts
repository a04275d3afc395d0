/** Which file of the workspace imports which, read from the sources. Test code for arrows.test.ts. */
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** Paths from the repository's root, with forward slashes. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** Static and dynamic imports, and the files of worker threads (`new URL("./x.ts", import.meta.url)`). */
const importPattern = /(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"|new URL\("([^"]+\.ts)", import\.meta\.url\)/g;

/** What one source imports: relative paths resolved against the file, package names as they are. */
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
  const files = globSync("{operator,trainer,cli,demo,test,tools,images,.dagger}/**/*.ts", {
    cwd: root,
    exclude: (name) => name === "node_modules" || name === "build",
  });
  return new Map(files.sort().map((file) => [file, importsOf(file, readSource(file))]));
}

/** Everything that `file` imports, directly or not. */
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

/** Tests, kits for tests and benchmarks by their names, and the files that these alone import. */
export function testCode(graph: ImportGraph): ReadonlySet<string> {
  const importers = new Map<string, string[]>();
  for (const [file, targets] of graph) {
    for (const target of targets) importers.set(target, [...(importers.get(target) ?? []), file]);
  }
  const tests = new Set([...graph.keys()].filter((file) => /\.test\.ts$|\/(testing|bench)(\/|\.ts$)/.test(file)));
  for (let before = -1; before !== tests.size; ) {
    before = tests.size;
    for (const [file, by] of importers) if (by.every((importer) => tests.has(importer))) tests.add(file);
  }
  return tests;
}
