/** Invalid input: admission refuses it if the schema can detect it, otherwise a condition explains the fix. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { rightSpecs, wrongSpecs } from "../../operator/testing/examples.ts";
import { counted } from "../cluster/auditLog.ts";
import { type Bench, condition, manifest, refusal, type Team } from "./bench.ts";

const examples = path.resolve(import.meta.dirname, "../../docs/examples");
const dataset = { sources: [{ uri: "pvc://inputs/train.jsonl" }], maxSequenceLength: 128 };

/** Manifests with errors that the schema cannot detect. */
const stalled: readonly { name: string; change: Record<string, unknown>; reason: RegExp; reports: RegExp }[] = [
  {
    name: "a missing file",
    change: { dataset: { ...dataset, sources: [{ uri: "pvc://inputs/none.jsonl" }] } },
    reason: /^FileMissing$/,
    reports: /none\.jsonl/,
  },
  {
    name: "a bad row",
    change: { dataset: { ...dataset, sources: [{ uri: "pvc://inputs/bad.jsonl" }] } },
    reason: /^BadRow$/,
    reports: /bad\.jsonl.*7/,
  },
  {
    name: "an unknown architecture",
    change: { baseModel: { uri: "pvc://inputs/gpt2" } },
    reason: /^BaseModelUnsupported$/,
    reports: /gpt2/,
  },
  {
    name: "a run that does not fit",
    change: { placement: { gpusPerNode: 0, resources: { limits: { memory: "128Mi" } } } },
    reason: /^DoesNotFit$/,
    reports: /needs .* 128 MiB are available/,
  },
];

export function refusalTests(bench: () => Bench): void {
  let team: Team;
  let crowded: Team;

  describe("refused at admission", () => {
    test("the namespace of the refusals is created", async () => {
      team = await bench().namespace("refusals");
    });

    for (const { name, wrong, field, message = "" } of wrongSpecs) {
      test(`admission refuses ${name}`, async () => {
        const answer = await refusal(team.apply(manifest("wrong", wrong)));
        assert.ok(answer.includes(field) && answer.includes(message), answer);
      });
    }

    test("admission refuses a file of the node", async () => {
      const wrong = manifest("wrong", { baseModel: { uri: "file:///etc/passwd" } });
      assert.match(await refusal(team.apply(wrong)), /spec\.baseModel\.uri.*must be pvc:\/\/CLAIM\/PATH/);
    });

    test("admission accepts the examples of the documents and unusual valid values", async () => {
      await bench().cluster.kubectl(["apply", "--dry-run=server", "-f", examples]);
      const items = rightSpecs.map(({ right }, index) => manifest(`right-${index}`, right));
      await team.apply({ apiVersion: "v1", kind: "List", items }, "--dry-run=server");
    });

    test("admission refuses a name that is too long for its children's names", async () => {
      assert.match(await refusal(team.apply(manifest("n".repeat(41)))), /metadata\.name must be at most 40 characters/);
    });

    test("admission refuses a change of a run's settings", async () => {
      await team.apply(manifest("n".repeat(40), { training: { maxSteps: 2 } }));
      await team.untilReady("n".repeat(40));
      const run = await team.run();
      const patch = JSON.stringify({ spec: { artifactRoot: "pvc://other" } });
      const answer = await refusal(team.kubectl("patch", "ftr", run.metadata.name, "--type=merge", "-p", patch));
      assert.match(answer, /artifactRoot is immutable/);
      const adapter = (await team.adapter()).metadata.name;
      const removed = JSON.stringify([{ op: "remove", path: "/spec/results" }]);
      const refused = await refusal(team.kubectl("patch", "adapter", adapter, "--type=json", "-p", removed));
      assert.match(refused, /results is immutable/);
    });

    test("admission refuses a run whose name does not match its hash", async () => {
      const { apiVersion, kind, spec } = await team.run();
      const twin = { apiVersion, kind, metadata: { name: "run-mine" }, spec };
      assert.match(await refusal(team.apply(twin)), /metadata\.name must be run- and the first 16 digits/);
    });
  });

  describe("reported in a condition", () => {
    describe("each with its own message", { concurrency: 8 }, () => {
      for (const [index, { name, change, reason, reports }] of stalled.entries()) {
        test(`the condition reports ${name}`, async () => {
          await team.apply(manifest(`stalled-${index}`, change));
          const answer = await team.untilStalled(`stalled-${index}`);
          assert.match(answer.reason, reason);
          assert.match(answer.message, reports);
        });
      }
    });

    test("a quota that admits no Job is reported with the API server's message", async () => {
      crowded = await bench().namespace("crowded");
      await crowded.kubectl("create", "quota", "none", "--hard=count/jobs.batch=0");
      await crowded.apply(manifest("job"));
      const job = await crowded.until("job", "refused", (one) => condition(one, "Ready")?.reason === "JobRefused");
      assert.match(condition(job, "Ready")?.message ?? "", /exceeded quota: none/);
    });

    test("each has one Event, and nothing loops", async () => {
      const events = await team.kubectl(
        "get",
        "events",
        "-o",
        "jsonpath={range .items[*]}{.involvedObject.name} {.type}{'\\n'}{end}",
      );
      for (const index of stalled.keys()) {
        assert.equal(events.split("\n").filter((line) => line === `stalled-${index} Warning`).length, 1);
      }
      // Kubernetes changes the Jobs and pods that have ended for some seconds more.
      await new Promise((resolve) => setTimeout(resolve, 5_000));
      const from = new Date().toISOString();
      await new Promise((resolve) => setTimeout(resolve, 10_000));
      const asked = bench()
        .askedByOperator()
        .filter(({ at }) => at > from);
      assert.equal(counted(asked.filter(({ namespace }) => namespace === team.name)), "", "not even read");
      // The operator retries a Job refused by the quota once a minute.
      const again = asked.filter(({ namespace, code }) => namespace === crowded.name && code >= 400);
      assert.ok(again.length <= 1, counted(again));
      await crowded.kubectl("delete", "quota", "none");
      // A change of the job retries at once.
      await crowded.kubectl("label", "finetunejob", "job", "hurry=yes");
      await crowded.until("job", "prepared", ({ status }) => status?.pins !== undefined);
    });

    test("inputs fixed under the same URI are checked again on request", async () => {
      const bad = stalled.findIndex(({ name }) => name === "a bad row");
      const file = path.join(bench().directory, "inputs/bad.jsonl");
      writeFileSync(file, readFileSync(path.join(bench().directory, "inputs/test.jsonl")));
      await team.kubectl("annotate", "finetunejob", `stalled-${bad}`, "luthier.dev/requested-at=fixed");
      await team.untilReady(`stalled-${bad}`);
      await crowded.untilReady("job");
    });
  });
}
