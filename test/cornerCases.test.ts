/** docs/corner-cases.md and docs/threat-model.md name a test for each case, and every named test exists. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { readSource, root } from "./imports.ts";

interface Row {
  name: string;
  answer: string;
  tests: string;
}

const rows: Row[] = ["docs/corner-cases.md", "docs/threat-model.md"]
  .flatMap((page) => readSource(page).split("\n"))
  .filter((line) => /^\| (?!(?:Case|Attempt) +\||-)/.test(line))
  .map((line) => {
    const [name = "", answer = "", tests = ""] = line
      .slice(2, -2)
      .split(" | ")
      .map((cell) => cell.trim());
    return { name, answer, tests };
  });

/** `file`: "test", "test"; `file`: "test" */
function namedTests({ tests }: Row): { file: string; name: string }[] {
  return tests.split("; `").flatMap((part) => {
    const [, file = "", names = ""] = /^`?([^`]+)`: (.*)$/.exec(part) ?? [];
    return [...names.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => ({ file, name }));
  });
}

/** Whether the file has a test, or a row of a table of tests, with this name. */
function names(file: string, test: string): boolean {
  const quoted = `"${test.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&")}"`;
  return new RegExp(`(\\b(test|describe|it)\\(\\s*|\\bname: )${quoted}`).test(readSource(file));
}

test("the page of corner cases has at least 40 rows", () => assert.ok(rows.length > 40));

for (const row of rows) {
  test(`corner case: ${row.name}`, () => {
    const named = namedTests(row);
    if (named.length === 0) {
      assert.match(row.answer, /^Not yet reachable: /);
      assert.equal(row.tests, "–");
    }
    for (const { file, name } of named) {
      assert.ok(existsSync(path.join(root, file)), `${file} is there`);
      assert.ok(names(file, name), `${file} has no test "${name}"`);
    }
  });
}
