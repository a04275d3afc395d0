import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { exitCodeLines } from "../trainer/contract/exitCodes.ts";

const quickstart = fileURLToPath(new URL("../demo/quickstart.yaml", import.meta.url));
const directory = mkdtempSync(path.join(tmpdir(), "luthier-main-"));
after(() => rmSync(directory, { recursive: true }));

function luthier(...args: string[]) {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    encoding: "utf8",
    cwd: directory,
    env: { PATH: process.env.PATH, HOME: directory },
  });
  return { status, stdout, stderr };
}

test("the overview lists every command and every exit code", () => {
  const { status, stdout } = luthier("--help");
  assert.equal(status, 0);
  for (const word of ["run", "plan", "data", "chat", "watch", "export", "gc"])
    assert.match(stdout, new RegExp(`^ {2}${word} +\\S`, "m"));
  for (const { code, meaning } of exitCodeLines) {
    assert.match(stdout, new RegExp(`^ {2}${code} +${meaning.slice(0, 20)}`, "m"));
  }
});

test("as kubectl's plugin it names its commands as they are typed", async () => {
  const link = path.join(directory, "kubectl-finetune");
  symlinkSync(fileURLToPath(new URL("luthier.mjs", import.meta.url)), link);
  const { stdout, stderr, status } = spawnSync(process.execPath, [link, "promote", "--help"], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^kubectl finetune promote JOB \[ADAPTER\]/);
});

test("--version prints the version", () => {
  assert.match(luthier("--version").stdout, /^luthier \d+\.\d+\.\d+\n$/);
});

for (const command of ["run", "plan", "data", "chat", "watch", "export", "gc"]) {
  test(`luthier ${command} --help describes its use`, () => {
    const { status, stdout } = luthier(command, "--help");
    assert.equal(status, 0);
    assert.match(stdout, new RegExp(`^luthier ${command}`));
  });
}

const refused: [string, string[], number, RegExp][] = [
  ["no command", [], 2, /^$/],
  ["an unknown command", ["plon"], 2, /there is no command plon \(did you mean plan\?\)/],
  ["an unknown option", ["run", "job.yaml", "--clam", "a=b"], 2, /has no option --clam \(did you mean --claim\?\)/],
  ["a missing file", ["run", "no.yaml"], 2, /no\.yaml cannot be read/],
  [
    "a plan for an unknown device",
    ["plan", quickstart, "--target", "h100"],
    2,
    /--target is cpu or a100-40gb or .*h100-80gb or h200 or b200, not "h100"/,
  ],
  [
    "a plan for a GPU with threads",
    ["plan", quickstart, "--target", "l4", "--threads", "2"],
    2,
    /--threads needs --target cpu: add that, or remove --threads/,
  ],
  ["chat without a model", ["chat", "--temperature", "0"], 2, /give either a directory or --adapter NAME/],
  [
    "chat with a base for an Adapter",
    ["chat", "--adapter", "a", "--base", "b"],
    2,
    /--base needs MODEL: add that, or remove --base/,
  ],
  [
    "chat with a claim for a directory",
    ["chat", "d", "--claim", "a=b"],
    2,
    /--claim needs --adapter NAME or a place on pvc:\/\/: add that/,
  ],
  [
    "gc with a namespace but no cluster",
    ["gc", "d", "--namespace", "a"],
    2,
    /--namespace needs --cluster: add that, or/,
  ],
  ["watch without any kubeconfig", ["watch"], 2, /no kubeconfig was found.*--kubeconfig FILE/],
  ["a missing kubeconfig", ["watch", "--kubeconfig", "no.conf"], 2, /the kubeconfig cannot be read/],
];
for (const [name, args, code, message] of refused) {
  test(`${name} ends with exit code ${code} and an explanation`, () => {
    const { status, stderr } = luthier(...args);
    assert.equal(status, code);
    assert.match(stderr, message);
  });
}

test("an invalid manifest ends with exit code 20, the field and its line", () => {
  const text =
    "apiVersion: luthier.dev/v1alpha1\nkind: FineTuneJob\nmetadata: {name: a}\nspec: {baseModel: {uri: 'ftp://somewhere/x'}}\n";
  writeFileSync(path.join(directory, "job.yaml"), text);
  const { status, stdout, stderr } = luthier("run", "job.yaml");
  assert.equal(status, 20);
  assert.equal(stdout, "");
  assert.match(stderr, /job\.yaml:4:\d+: spec\.baseModel\.uri: must be pvc:/);
  assert.match(stderr, /job\.yaml:4:\d+: spec\.method: is missing/);
});

test("without a terminal no output contains control codes", () => {
  const { stdout, stderr } = luthier("run", "--help");
  assert.ok(!`${stdout}${stderr}`.includes("\u001b"));
});
