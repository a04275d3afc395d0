/** Runs `luthier data` as a process, on a tiny model and tiny data. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryDirectory } from "../trainer/testing/temporary.ts";
import { writeTinyModel } from "../trainer/testing/tinyModel.ts";

const main = fileURLToPath(new URL("main.ts", import.meta.url));

async function luthierData(directory: string, args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [main, "data", ...args], {
    cwd: directory,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr]: [string[], string[]] = [[], []];
  child.stdout.setEncoding("utf8").on("data", (text: string) => stdout.push(text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => stderr.push(text));
  const status = await new Promise((resolve) => child.on("close", resolve));
  return { status, stdout: stdout.join(""), stderr: stderr.join("") };
}

async function workplace(t: TestContext): Promise<string> {
  const directory = await temporaryDirectory(t);
  await writeTinyModel(path.join(directory, "model"));
  const alpaca = (n: number) => ({ instruction: `is ${n} even?`, input: "", output: n % 2 === 0 ? "yes" : "no" });
  const near = (n: number) => ({
    instruction: "copy",
    output: Array.from({ length: 40 }, (_, i) => `w${i === 20 ? n : i}`).join(" "),
  });
  const long = { instruction: "repeat", output: "word ".repeat(60) };
  const put = (name: string, text: string) => writeFileSync(path.join(directory, name), text);
  const rows = Array.from({ length: 30 }, (_, n) => alpaca(n));
  // One JSON list with a duplicate, an example longer than a row, and an invalid row.
  put(
    "train.json",
    JSON.stringify(
      [...rows, near(90), near(91), near(91), { ...alpaca(3), instruction: "IS  3 even?" }, long, { instruction: 3 }],
      null,
      1,
    ),
  );
  put("test.jsonl", [alpaca(5), alpaca(70)].map((row) => `${JSON.stringify(row)}\n`).join(""));
  return directory;
}

const usual = ["train.json", "--model", "model", "--test", "test.jsonl", "--max-length", "128"];

test("luthier data shows counts, lengths, duplicates, leaks, bad rows and an example with its learnt part", async (t) => {
  const directory = await workplace(t);
  const { status, stdout, stderr } = await luthierData(directory, [...usual, "--samples", "1"]);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^examples +35 to train on\n/);
  assert.match(stdout, /^test +2$/m);
  assert.match(stdout, /^form +train\.json: Alpaca \(instruction, output\)\nform +test\.jsonl: Alpaca/m);
  assert.match(stdout, /^too long +none$/m);
  assert.match(stdout, /^packed +\d+ rows of 128 tokens, \d+\.\d % full$/m);
  assert.match(stdout, /^truncated +\d+ \(\d+\.\d %\) are longer than 128$/m);
  assert.match(stdout, /^duplicates +2 are copies of another$/m);
  assert.match(stdout, /^near copies +1 differ from an earlier one in a few words$/m);
  assert.match(stdout, /^leaks +1 are trained on and in the test set$/m);
  assert.match(stdout, /^bad rows +1; the first: .*train\.json:\d+: instruction: /m);
  assert.match(stdout, /longest 3\d\d; a row holds 128\n +17–32 +█/);
  assert.match(stdout, /assistant\n +⟦yes<\|im_end\|>⟧/);
  assert.ok(!`${stdout}${stderr}`.includes("\u001b"), "no control codes without a terminal");
  assert.match(stderr, /tokenising the data 100 %/);
});

test("luthier data prints the same as JSON, and colours only if requested and without NO_COLOR", async (t) => {
  const directory = await workplace(t);
  const json = await luthierData(directory, [...usual, "-o", "json"]);
  const report = JSON.parse(json.stdout);
  assert.deepEqual(
    [report.examples, report.testExamples, report.leaks.trainTest, report.samples.length],
    [35, 2, 1, 3],
  );
  assert.deepEqual(report.samples[0].sequences[0].at(-1), { text: "yes<|im_end|>", trained: true });
  const coloured = await luthierData(directory, [...usual], { FORCE_COLOR: "1" });
  assert.ok(coloured.stdout.includes("\u001b[32myes<|im_end|>"));
  const plain = await luthierData(directory, [...usual], { NO_COLOR: "1" });
  assert.ok(!plain.stdout.includes("\u001b"));
});

test("luthier data names ignored columns and rows that are too long", async (t) => {
  const directory = await workplace(t);
  const rows = [
    { instruction: "a", output: "b", history: [["c", "d"]], id: 7, topic: "x" },
    { instruction: "word ".repeat(60), output: "e" },
    { instruction: "f", output: "g" },
  ];
  const file = path.join(directory, "rows.jsonl");
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  const args = ["rows.jsonl", "--model", "model", "--max-length", "128"];
  const { status, stdout, stderr } = await luthierData(directory, args);
  assert.equal(status, 0, stderr);
  assert.match(
    stdout,
    /^examples +2 to train on\nform +Alpaca \(instruction, output, history\)\nnot used +id, topic$/m,
  );
  assert.match(stdout, /^too long +1 are dropped, their answers begin after 128 tokens: .*rows\.jsonl:2$/m);
  assert.match(stdout, /^bad rows +none$/m);
  const report = JSON.parse((await luthierData(directory, [...args, "-o", "json"])).stdout);
  assert.deepEqual([report.overlongExamples, report.files[0].ignored], [1, ["id", "topic"]]);
});

test("luthier data shows preferences for their objective: both kinds of answers, and their learnt parts", async (t) => {
  const directory = await workplace(t);
  const rows = [1, 2, 3].map((n) => ({ prompt: `${n} + 1 = `, chosen: String(n + 1), rejected: "many", rank: n }));
  writeFileSync(path.join(directory, "pairs.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  const args = ["pairs.jsonl", "--model", "model", "--max-length", "64", "--objective"];
  const { status, stdout, stderr } = await luthierData(directory, [...args, "DPO", "--samples", "1"]);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^examples +3 to train on; 3 chosen or wanted answers, 3 others\n/);
  assert.match(stdout, /^form +Preference \(prompt, chosen, rejected\)\nnot used +rank$/m);
  assert.match(
    stdout,
    /pairs\.jsonl:1; the learnt part is.*\n {2}chosen:\n {2}1 \+ 1 = ⟦2.*⟧\n {2}rejected:\n {2}1 \+ 1 = ⟦many/,
  );
  const report = JSON.parse((await luthierData(directory, [...args, "KTO", "-o", "json"])).stdout);
  assert.deepEqual([report.examples, report.sequences, report.answers], [3, 6, { chosen: 3, rejected: 3 }]);
  assert.deepEqual(report.samples[0].roles, ["chosen", "rejected"]);
  const stray = await luthierData(directory, [...args, "DPO", "--train-on", "All"]);
  assert.deepEqual([stray.status, /--train-on has no effect on preferences/.test(stray.stderr)], [2, true]);
});

test("luthier data reports the first error if no row is usable", async (t) => {
  const directory = await workplace(t);
  writeFileSync(path.join(directory, "bad.jsonl"), '{"conversations": [{"from": "human"}]}\n{"messages": 3}\n');
  const { status, stderr } = await luthierData(directory, ["bad.jsonl", "--model", "model"]);
  assert.deepEqual(
    [status, /2 of 2 rows are bad; the first: .*bad\.jsonl:1: conversations\.0\.value: /.test(stderr)],
    [20, true],
    stderr,
  );
});

test("luthier data reports errors in the command line, the files and the format", async (t) => {
  const directory = await workplace(t);
  const cases: [string[], number, RegExp][] = [
    [["train.json"], 2, /--model DIR is missing/],
    [["none.jsonl", "--model", "model"], 23, /there is no such file/],
    [["train.jsonl", "--model", "model"], 23, /train\.jsonl: there is no such file, but train\.json$/m],
    [["{tran,test}-[0-9].json", "--model", "model"], 20, /\.json: matches none of the \d+ files below .*: change the/],
    [
      ["train.json", "--model", "model", "--column", "prompt=instruction", "--column", "completion=x"],
      20,
      /Alpaca, which has no field prompt/,
    ],
  ];
  for (const [args, code, text] of cases) {
    const { status, stderr } = await luthierData(directory, args);
    assert.deepEqual([status, text.test(stderr)], [code, true], stderr);
  }
});
