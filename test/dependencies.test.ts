/** Every dependency has a row in docs/dependencies.md with its reason and alternatives. */
import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { test } from "node:test";
import { PACKAGES } from "../tools/setup/packages.ts";
import { readSource, root } from "./imports.ts";

const page = readSource("docs/dependencies.md");

/** A name in the page that ends with `*` matches all names with that beginning. */
function isNamed(name: string): boolean {
  const patterns = [...page.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? "");
  return patterns.some((pattern) => (pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern));
}

interface PackageFile {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const manifests = globSync("{package.json,{operator,trainer,cli,.dagger}/package.json,demo/**/package.json}", {
  cwd: root,
  exclude: (name) => name.endsWith("node_modules"),
});

test("the page lists every npm package", () => {
  const names = manifests.flatMap((file) => {
    const { dependencies = {}, devDependencies = {} }: PackageFile = JSON.parse(readSource(file));
    return [...Object.keys(dependencies), ...Object.keys(devDependencies)];
  });
  assert.ok(names.length > 10);
  assert.deepEqual(
    [...new Set(names)].filter((name) => !isNamed(name)),
    [],
  );
});

test("the page lists every program built from Go modules", () => {
  const files = globSync("**/go.mod", { cwd: root, exclude: (name) => name.endsWith("node_modules") });
  const programs = files.flatMap((file) => toolsOf(readSource(file)));
  assert.ok(programs.length > 0);
  assert.deepEqual(
    programs.filter((program) => !moduleNames(program).some(isNamed)),
    [],
  );
});

/** The programs of a go.mod's `tool` lines, alone or in a block. */
function toolsOf(goMod: string): string[] {
  const words = [...goMod.matchAll(/^tool (?:\(([^)]*)\)|(\S+))$/gm)].map(([, block, one]) => block ?? one ?? "");
  return words.flatMap((text) => text.split("\n")).flatMap((line) => line.trim() || []);
}

/** "a/b/c" may belong to the modules "a/b/c", "a/b" or "a". */
function moduleNames(program: string): string[] {
  const parts = program.split("/");
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

test("the page lists every PyPI package", () => {
  const files = globSync("**/*{R,r}equirements*.txt", { cwd: root, exclude: (name) => name.endsWith("node_modules") });
  const names = files.flatMap((file) =>
    readSource(file)
      .split("\n")
      .flatMap((line) => /^([A-Za-z0-9_.-]+)\s*==/.exec(line)?.[1] ?? []),
  );
  assert.deepEqual(
    [...new Set(names)].filter((name) => !isNamed(name)),
    [],
  );
});

test("the page lists every system package", () => {
  const names = Object.values(PACKAGES).flatMap((list) => list.map(({ name }) => name));
  assert.deepEqual(
    [...new Set(names)].filter((name) => !isNamed(name)),
    [],
  );
});
