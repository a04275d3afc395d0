import assert from "node:assert/strict";
import { test } from "node:test";
import { choiceOf, helpText, integerOf, optionOf, readArguments, type Usage, UsageError } from "./arguments.ts";
import { nearest } from "./nearest.ts";

const usage: Usage = {
  command: "luthier run",
  positionals: ["MANIFEST", "NAME?"],
  summary: "Runs a manifest.",
  options: {
    claim: { value: "NAME=DIR", repeated: true, help: "The directory of a claim." },
    output: { value: "FORMAT", short: "o", help: "text or json." },
    threads: { value: "N", help: "Threads." },
    quiet: { help: "Say less." },
  },
};

test("options, switches and positionals may come in any order", () => {
  const args = readArguments(usage, ["--claim", "a=/x", "job.yaml", "--quiet", "--claim=b=/y", "-o", "json"]);
  assert.deepEqual(args.positionals, ["job.yaml"]);
  assert.deepEqual(args.values.get("claim"), ["a=/x", "b=/y"]);
  assert.equal(optionOf(args, "output"), "json");
  assert.ok(args.switches.has("quiet"));
});

const refusals: [readonly string[], RegExp][] = [
  [[], /^MANIFEST is missing$/],
  [["a", "b", "c"], /^"c" is one argument too many$/],
  [["a", "--clam", "x=y"], /^luthier run has no option --clam \(did you mean --claim\?\)$/],
  [["a", "--entirely-else"], /^luthier run has no option --entirely-else$/],
  [["a", "-x"], /^luthier run has no option -x$/],
  [["a", "--claim"], /^--claim needs a value: --claim NAME=DIR$/],
  [["a", "--claim", "--quiet"], /^--claim needs a value/],
  [["a", "--output="], /^--output needs a value/],
  [["a", "--output", ""], /^--output needs a value/],
  [["a", ""], /^argument 2 is empty$/],
  [["a", "--quiet=yes"], /^--quiet takes no value$/],
  [["a", "--output", "json", "--output", "text"], /^--output is given twice$/],
];
for (const [argv, message] of refusals) {
  test(`\`${argv.join(" ")}\` is refused: ${message.source}`, () => {
    assert.throws(
      () => readArguments(usage, argv),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  });
}

test("a choice and a number are checked and have a fallback", () => {
  const none = readArguments(usage, ["a"]);
  assert.equal(choiceOf(none, "output", ["text", "json"], "text"), "text");
  assert.equal(integerOf(none, "threads", 1, 64, 0), 0);
  const wrong = readArguments(usage, ["a", "--output", "xml", "--threads", "1e3"]);
  assert.throws(() => choiceOf(wrong, "output", ["text", "json"], "text"), /--output is text or json, not "xml"/);
  assert.throws(() => integerOf(wrong, "threads", 1, 64, 0), /--threads is a whole number from 1 to 64, not "1e3"/);
});

test("the help lists every option", () => {
  const help = helpText(usage);
  assert.match(help, /^luthier run MANIFEST \[NAME\] \[OPTION…\]$/m);
  for (const name of Object.keys(usage.options)) assert.match(help, new RegExp(`--${name}`));
});

test("the nearest word is suggested only if it is near", () => {
  assert.equal(nearest("learningrate", ["learningRate", "seed"]), "learningRate");
  assert.equal(nearest("epoch", ["epochs", "seed"]), "epochs");
  assert.equal(nearest("zzz", ["epochs", "seed"]), undefined);
});
