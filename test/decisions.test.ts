/** docs/decisions/README.md lists every decision once, by its title. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

const folder = path.join(import.meta.dirname, "../docs/decisions");

test("the list of decisions names each file once, in order, with its title", () => {
  const files = readdirSync(folder).filter((name) => /^\d{3}-/.test(name));
  const listed = readFileSync(path.join(folder, "README.md"), "utf8").matchAll(/^- \[(.+?)\]\((.+?)\)/gm);
  const titles = files.toSorted().map((name) => {
    const [first = ""] = readFileSync(path.join(folder, name), "utf8").split("\n");
    return [first.replace(/^# /, "").replace(/^(\d{3})[.:]? /, "$1 "), name];
  });
  assert.deepEqual(
    [...listed].map(([, title, name]) => [title, name]),
    titles,
  );
});
