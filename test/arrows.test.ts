/**
 * Checks the imports between rooms (docs/architecture.md). A new room needs no line here unless it must be kept apart from
 * another one.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  type ImportGraph,
  importsOf,
  reachable,
  readImports,
  readIncludes,
  readSource,
  roomsOf,
  testCode,
} from "./imports.ts";
import { drawRooms, page, withDrawing } from "./rooms.ts";

interface Arrow {
  readonly rule: string;
  /** The files that the rule applies to; tests are exempt. */
  readonly of: RegExp;
  /** Among these targets … */
  readonly among: RegExp;
  /** … only these are allowed. */
  readonly only?: RegExp;
}

const ours = /^(operator|trainer|cli|terminal|demo|test|tools|images)\//;
/** The files of the deciding rooms that apply decisions. `jobs/resources.ts` contains only the wire's types. */
const does =
  /^operator\/(finetunejob\/(controller|gather|planner|planThread|planWorker)|(finetunerun|adapter)\/controller|jobs\/(create|observe|replace|resources|warnings))\.ts$/;
/** Every other file of these rooms. */
const pureFile = new RegExp(`(?!${does.source})^operator/(finetunejob|finetunerun|adapter|jobs)/`);

const arrows: readonly Arrow[] = [
  {
    rule: "operator imports only the contract and the planner of the trainer",
    of: /^operator\//,
    among: ours,
    only: /^operator\/|^trainer\/contract\/|^trainer\/planning\/(plan|target|gpus)\.ts$/,
  },
  {
    rule: "trainer imports neither operator nor cli",
    of: /^trainer\//,
    among: /^(operator|cli|terminal|demo|test)\//,
  },
  { rule: "the product does not import cli", of: /^(operator|trainer|terminal|tools|images)\//, among: /^cli\// },
  {
    rule: "terminal imports only the contract of the product",
    of: /^terminal\//,
    among: ours,
    only: /^terminal\/|^trainer\/contract\//,
  },
  {
    rule: "operator/runtime imports no sibling",
    of: /^operator\/runtime\//,
    among: ours,
    only: /^operator\/runtime\//,
  },
  {
    rule: "graph and ops import neither models nor methods",
    of: /^trainer\/(graph|ops)\//,
    among: ours,
    only: /^trainer\/(graph|ops|contract)\//,
  },
  {
    rule: "models import only graph, ops and contract",
    of: /^trainer\/models\//,
    among: ours,
    only: /^trainer\/(models|graph|ops|contract)\//,
  },
  {
    rule: "methods import only graph, ops, contract and numbers",
    of: /^trainer\/methods\//,
    among: ours,
    only: /^trainer\/(methods|graph|ops|contract|numbers)\//,
  },
  {
    rule: "native imports only programs",
    of: /^trainer\/native\//,
    among: ours,
    only: /^trainer\/native\/|^tools\/|^trainer\/graph\/(compiled|nf4|tensor)\.ts$/,
  },
  {
    rule: "the contract imports only itself",
    of: /^trainer\/contract\//,
    among: ours,
    only: /^trainer\/contract\//,
  },
  {
    rule: "the files that decide do no I/O",
    of: pureFile,
    among: new RegExp(`^node:|^@kubernetes/|^undici$|^operator/runtime/|${does.source}`),
    // From observe.ts they import only the type of observations.
    only: /^node:(crypto|util)$|^operator\/runtime\/(objects|clock)\.ts$|^operator\/jobs\/(observe|resources)\.ts$/,
  },
];

/** "FILE imports TARGET" for every import that the arrow forbids. */
function broken(graph: ImportGraph, { of, among, only }: Arrow): string[] {
  const tests = testCode(graph);
  return [...graph].flatMap(([file, targets]) =>
    !of.test(file) || tests.has(file)
      ? []
      : targets
          .filter((target) => among.test(target) && only?.test(target) !== true)
          .map((target) => `${file} imports ${target}`),
  );
}

const graph = readImports();

for (const arrow of arrows) {
  test(arrow.rule, () => assert.deepEqual(broken(graph, arrow), []));
}

const readsClock = /\bsystemClock\b|\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bMath\.random\b|\brandomUUID\b/;

test("the files that decide use no clock and no random numbers", () => {
  const tests = testCode(graph);
  const pure = [...graph.keys()].filter((file) => pureFile.test(file) && !tests.has(file));
  for (const file of ["finetunejob/runSteps", "finetunerun/decide", "adapter/exports", "jobs/render"]) {
    assert.ok(pure.includes(`operator/${file}.ts`), `${file} decides`);
  }
  assert.deepEqual(
    pure.filter((file) => readsClock.test(readSource(file))),
    [],
  );
  assert.ok(readsClock.test(readSource("operator/runtime/clock.ts")));
});

test("no file imports itself, directly or through others", () => {
  const inCircles = [...graph.keys()].filter((file) => reachable(graph, file).has(file));
  assert.deepEqual(inCircles, []);
});

/** The graph of the rooms: an edge for each import of another room's file by a file that is not a test. */
const rooms = roomsOf(graph);

test("no room imports a room that imports it, directly or through others", () => {
  const inCircles = [...rooms.keys()].filter((room) => reachable(rooms, room).has(room));
  assert.deepEqual(inCircles, []);
});

test("docs/architecture.md shows the current imports between rooms", () => {
  const text = readFileSync(page, "utf8");
  assert.equal(text, withDrawing(text, drawRooms()), "draw them again: node tools/node24.mjs test/rooms.ts");
});

test("docs/architecture.md describes each room that it draws", () => {
  const text = readFileSync(page, "utf8");
  const [table = ""] = text.slice(text.indexOf("| room ")).split("\n\n");
  const drawn = [...drawRooms().matchAll(/\["(.*)"\]/g)].map(([, room = ""]) => room);
  assert.ok(drawn.length > 30);
  assert.deepEqual(
    drawn.filter((room) => !describedRooms(table).has(room)),
    [],
  );
});

/** The rooms that the table's first column names: `a/{b,c}`, and after a whole path its siblings by their name alone. */
function describedRooms(table: string): Set<string> {
  return new Set(
    table.split("\n").flatMap((row) => {
      const cells = [...(row.split(" | ")[0] ?? "").matchAll(/`([^`]+)`/g)].map(([, room = ""]) =>
        room.replace(/\/$/, ""),
      );
      const top = cells[0]?.split("/")[0] ?? "";
      return cells.flatMap((cell) => {
        const [, parent = "", names = ""] = /^(.*)\{(.*)\}$/.exec(cell) ?? [];
        return parent === "" ? [cell, `${top}/${cell}`] : names.split(",").map((name) => parent + name);
      });
    }),
  );
}

/** A method and the one that it builds on. */
const buildsOn: ReadonlyMap<string, string> = new Map([
  ["adalora", "lora"],
  ["dora", "lora"],
  ["krona", "lokr"],
  ["pTuning", "promptTuning"],
]);

test("a method imports no other method's folder, unless it builds on that method", () => {
  const folderOf = (file: string) => /^trainer\/methods\/([^/]+)\//.exec(file)?.[1];
  const tests = testCode(graph);
  const others = [...graph].flatMap(([file, targets]) => {
    const own = folderOf(file);
    return own === undefined || tests.has(file)
      ? []
      : targets
          .filter((target) => ![undefined, own, buildsOn.get(own)].includes(folderOf(target)))
          .map((target) => `${file} imports ${target}`);
  });
  assert.deepEqual(others, [], "move the shared part into trainer/methods");
});

test("the planner and the operator load no native code", () => {
  for (const entry of ["trainer/planning/plan.ts", "operator/main.ts"]) {
    const native = [...reachable(graph, entry)].filter((file) => /^(trainer\/native\/|tokenizers$)/.test(file));
    assert.ok(graph.has(entry), `${entry} exists`);
    assert.deepEqual(native, [], `${entry} reaches native code`);
  }
});

/** Resolving a package's path through `require.resolve` loads nothing. */
const loadsNativeCode = /\bdlopen\b|\bcreateRequire\([\s\S]*\brequire\(/;

test("only one file loads our native code, and only one the tokenizers library", () => {
  const loaders = [...graph.keys()].filter(
    (file) => /^(operator|trainer|cli)\//.test(file) && loadsNativeCode.test(readSource(file)),
  );
  assert.deepEqual(loaders, ["trainer/native/addon.ts"]);
  const importers = [...graph].filter(([, targets]) => targets.includes("tokenizers")).map(([file]) => file);
  assert.deepEqual(importers, ["trainer/data/tokenizer/tokenizer.ts"]);
});

test("a forbidden import is found in every form of import", () => {
  const source = [
    'import { a } from "../../trainer/graph/build.ts";',
    'export type { B } from "../runtime/client.ts";',
    'const c = await import("../../trainer/native/addon.ts");',
    'const w = new Worker(new URL("./planWorker.ts", import.meta.url));',
    '// import { d } from "../../cli/main.ts";',
  ].join("\n");
  const targets = importsOf("operator/finetunejob/decide.ts", source);
  assert.deepEqual(targets, [
    "trainer/graph/build.ts",
    "operator/runtime/client.ts",
    "trainer/native/addon.ts",
    "operator/finetunejob/planWorker.ts",
  ]);
  const world: ImportGraph = new Map([["operator/finetunejob/decide.ts", targets]]);
  const found = arrows.filter((arrow) => broken(world, arrow).length > 0).map(({ rule }) => rule);
  assert.deepEqual(found, [
    "operator imports only the contract and the planner of the trainer",
    "the files that decide do no I/O",
  ]);
});

test("the native C++ code depends only on programs: no file of it includes an op's", () => {
  const includes = readIncludes();
  const outside = [...includes].flatMap(([file, targets]) =>
    file.startsWith("trainer/native/")
      ? targets.filter((target) => !target.startsWith("trainer/native/")).map((target) => `${file} includes ${target}`)
      : [],
  );
  assert.deepEqual(outside, []);
  assert.ok(includes.get("trainer/ops/backends/cpu.cc")?.includes("trainer/ops/backends/cpuKernels.h"));
  const inCircles = [...includes.keys()].filter((file) => reachable(includes, file).has(file));
  assert.deepEqual(inCircles, []);
});
