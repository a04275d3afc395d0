import assert from "node:assert/strict";
import { test } from "node:test";
import { alternativesOf, isPattern, PatternError, patternOf } from "./patterns.ts";

const cases: readonly [pattern: string, matching: readonly string[], others: readonly string[]][] = [
  ["*.json", ["a.json"], [".json", ".a.json", "a.jsonl", "b/a.json"]],
  ["part-?.csv", ["part-1.csv", "part-é.csv", "part-😀.csv"], ["part-.csv", "part-10.csv", "part-/.csv"]],
  ["?x", ["ax"], [".x"]],
  ["part-[0-9][0-9].csv", ["part-07.csv"], ["part-7.csv", "part-a7.csv"]],
  ["[!a-c^]", ["d", "-"], ["a", "^"]],
  ["[]x]", ["]", "x"], ["[]x]"]],
  ["[[]1]", ["[1]"], ["1"]],
  ["a[1.json", ["a[1.json"], ["a1.json"]],
  ["{train,test}-*.json", ["train-1.json", "test-2.json"], ["dev-1.json", "{train,test}-1.json"]],
  ["{a/x,b}/*.csv", ["a/x/1.csv", "b/1.csv"], ["a/1.csv"]],
  ["a{,-b}.json", ["a.json", "a-b.json"], ["a{}.json"]],
  ["{a,{b,c}d}", ["a", "bd", "cd"], ["b", "ad"]],
  ["p{8..11}", ["p8", "p9", "p10", "p11"], ["p7", "p12"]],
  ["p{08..10}", ["p08", "p09", "p10"], ["p8"]],
  ["{c..a}", ["a", "b", "c"], ["d"]],
  ["{a}{b", ["{a}{b"], ["ab"]],
  ["**", ["a", "b/a"], [".a", "b/.a", ".b/a"]],
  ["**/x.json", ["x.json", "a/x.json", "a/b/x.json"], ["ax.json", ".a/x.json"]],
  ["a/**/b/**/*.csv", ["a/b/1.csv", "a/c/b/d/e/1.csv"], ["b/1.csv", "a/1.csv"]],
  ["data/**", ["data/1", "data/a/1"], ["data", "date/1"]],
  [".h*", [".hidden"], ["hidden"]],
  ["a (1)+b.|c", ["a (1)+b.|c"], ["a 1b.|c"]],
];

test("patterns match as those of a shell do", () => {
  for (const [pattern, matching, others] of cases) {
    const { test: matches } = patternOf(pattern);
    for (const path of matching) assert(matches(path), `${pattern} matches ${path}`);
    for (const path of others) assert(!matches(path), `${pattern} does not match ${path}`);
  }
});

test("only a text with a character of patterns is one", () => {
  for (const text of ["a*", "a?", "[a]", "{a,b}"]) assert(isPattern(text));
  assert(!isPattern("hf://datasets/a/b@v1/c-d_e.jsonl.gz"));
});

test("a pattern whose alternatives or sets cannot be used is refused with the reason", () => {
  assert.equal(alternativesOf("{0..9}{0..9}{0..9}").length, 1000);
  for (const pattern of ["{0..9}{0..9}{0..9}{a,b}", "{a,b}".repeat(300), "{1..999999999}"])
    assert.throws(() => patternOf(pattern), /has (more than|a range of more than) 1000 .*in braces: use \*/);
  assert.throws(() => patternOf("x/[z-a]"), PatternError);
});

test("a pattern that could be tried in many ways takes no longer", () => {
  const started = performance.now();
  assert(!patternOf(`${"*a".repeat(100)}b`).test("a".repeat(1000)));
  assert(!patternOf(`${"**/a/".repeat(50)}b`).test("a/".repeat(200)));
  assert.ok(performance.now() - started < 5000);
});
