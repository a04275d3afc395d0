/** Wrong input: refused at admission where the schema can know it, else a condition that says what to do. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { type Bench, condition, manifest, refusal, type Team } from "./bench.ts";

const dataset = { sources: [{ uri: "pvc://inputs/train.jsonl" }], maxSequenceLength: 128 };

/** Members of the spec that are wrong, and what the API server says. */
const refused: readonly { name: string; wrong: Record<string, unknown>; says: RegExp }[] = [
  { name: "a typo in a field", wrong: { training: { maxStep: 3 } }, says: /unknown field "spec\.training\.maxStep"/ },
  { name: "no method", wrong: { method: {} }, says: /spec\.method.*exactly one method must be set: lora or full/ },
  { name: "two methods", wrong: { method: { lora: {}, full: {} } }, says: /spec\.method.*exactly one method/ },
  {
    name: "epochs and maxSteps",
    wrong: { training: { epochs: "1", maxSteps: 3 } },
    says: /spec\.training.*set epochs or maxSteps, not both/,
  },
  {
    name: "a learning rate that is none",
    wrong: { training: { learningRate: "fast" } },
    says: /spec\.training\.learningRate.*decimal number/,
  },
  {
    name: "a dropout out of bounds",
    wrong: { method: { lora: { dropout: "1.5" } } },
    says: /spec\.method\.lora\.dropout.*at most 0\.9/,
  },
  {
    name: "a rank of zero",
    wrong: { method: { lora: { rank: 0 } } },
    says: /spec\.method\.lora\.rank.*greater than or equal to 1/,
  },
  {
    name: "a file of the node",
    wrong: { baseModel: { uri: "file:///etc/passwd" } },
    says: /spec\.baseModel\.uri.*must be pvc:\/\/CLAIM\/PATH/,
  },
  {
    name: "a way out of the claim",
    wrong: { baseModel: { uri: "pvc://inputs/../other" } },
    says: /spec\.baseModel\.uri.*must not contain/,
  },
  {
    name: "both kinds of validation",
    wrong: { dataset: { ...dataset, validation: { fraction: "0.1", uri: "pvc://inputs/test.jsonl" } } },
    says: /spec\.dataset\.validation.*exactly one of fraction and uri/,
  },
  {
    name: "a column of another format",
    wrong: {
      dataset: { ...dataset, sources: [{ ...dataset.sources[0], format: "Alpaca", columns: { prompt: "x" } }] },
    },
    says: /spec\.dataset\.sources\[0\]\.columns.*rows of this format do not have/,
  },
  {
    name: "a weight of zero",
    wrong: { dataset: { ...dataset, sources: [{ ...dataset.sources[0], weight: "0" }] } },
    says: /spec\.dataset\.sources\[0\]\.weight.*above 0 and at most 100/,
  },
  {
    name: "early stopping without validation",
    wrong: { training: { earlyStopping: { patience: 2 } } },
    says: /spec\.training.*earlyStopping needs dataset\.validation/,
  },
  {
    name: "full fine-tuning of a quantised base",
    wrong: { baseModel: { uri: "pvc://inputs/model", quantization: { type: "NF4" } }, method: { full: {} } },
    says: /spec\.baseModel\.quantization.*method\.full trains the base's own weights/,
  },
  {
    name: "dequantising what was not quantised",
    wrong: { adapter: { exports: [{ name: "a", merged: { base: "Dequantized" } }] } },
    says: /spec\.adapter\.exports.*Dequantized needs baseModel\.quantization/,
  },
  { name: "GPUs", wrong: { placement: { gpusPerNode: 1 } }, says: /spec\.placement\.gpusPerNode.*CPUs only/ },
  {
    name: "two exports of one name",
    wrong: {
      adapter: {
        exports: [
          { name: "a", merged: {} },
          { name: "a", merged: {} },
        ],
      },
    },
    says: /spec\.adapter\.exports.*Duplicate value/,
  },
  {
    name: "a request above its limit",
    wrong: { placement: { gpusPerNode: 0, resources: { requests: { memory: "2Gi" }, limits: { memory: "1000Mi" } } } },
    says: /spec\.placement\.resources.*requests\.memory must be at most limits\.memory/,
  },
  {
    name: "a toleration that no pod may have",
    wrong: { placement: { gpusPerNode: 0, tolerations: [{ key: "a", operator: "Exists", value: "b" }] } },
    says: /spec\.placement\.tolerations.*operator Exists takes no value/,
  },
  { name: "no data", wrong: { dataset: { sources: [] } }, says: /spec\.dataset\.sources.*at least 1/ },
];

/** Manifests that only a look at the world can know to be wrong. */
const stalled: readonly { name: string; change: Record<string, unknown>; reason: RegExp; says: RegExp }[] = [
  {
    name: "a file that is missing",
    change: { dataset: { ...dataset, sources: [{ uri: "pvc://inputs/none.jsonl" }] } },
    reason: /^FileMissing$/,
    says: /none\.jsonl/,
  },
  {
    name: "a bad row",
    change: { dataset: { ...dataset, sources: [{ uri: "pvc://inputs/bad.jsonl" }] } },
    reason: /^BadRow$/,
    says: /bad\.jsonl.*7/,
  },
  {
    name: "an architecture that is not known",
    change: { baseModel: { uri: "pvc://inputs/gpt2" } },
    reason: /^BaseModelUnsupported$/,
    says: /gpt2/,
  },
  {
    name: "a run that does not fit",
    change: { placement: { gpusPerNode: 0, resources: { limits: { memory: "200Mi" } } } },
    reason: /^DoesNotFit$/,
    says: /needs .* 200\.0 MiB are available/,
  },
];

export function refusalTests(bench: () => Bench): void {
  let team: Team;

  describe("refused at admission", () => {
    test("a namespace", async () => {
      team = await bench().namespace("refusals");
    });

    for (const { name, wrong, says } of refused) {
      test(name, async () => {
        assert.match(await refusal(team.apply(manifest("wrong", wrong))), says);
      });
    }

    test("a name that leaves no room for its children's", async () => {
      assert.match(await refusal(team.apply(manifest("n".repeat(41)))), /metadata\.name must be at most 40 characters/);
    });

    test("a change of what a run was made of", async () => {
      await team.apply(manifest("n".repeat(40), { training: { maxSteps: 2 } }));
      await team.untilReady("n".repeat(40));
      const run = await team.run();
      const patch = JSON.stringify({ spec: { trainerImage: "other" } });
      const said = await refusal(team.kubectl("patch", "ftr", run.metadata.name, "--type=merge", "-p", patch));
      assert.match(said, /trainerImage is immutable/);
      const adapter = (await team.adapter()).metadata.name;
      const removed = JSON.stringify([{ op: "remove", path: "/spec/results" }]);
      const refused = await refusal(team.kubectl("patch", "adapter", adapter, "--type=json", "-p", removed));
      assert.match(refused, /results is immutable/);
    });

    test("a run by another name than its hash's", async () => {
      const { apiVersion, kind, spec } = await team.run();
      const twin = { apiVersion, kind, metadata: { name: "run-mine" }, spec };
      assert.match(await refusal(team.apply(twin)), /metadata\.name must be run- and the first 16 digits/);
    });
  });

  describe("told in a condition", () => {
    describe("each in its own words", { concurrency: 8 }, () => {
      for (const [index, { name, change, reason, says }] of stalled.entries()) {
        test(name, async () => {
          await team.apply(manifest(`stalled-${index}`, change));
          const said = await team.untilStalled(`stalled-${index}`);
          assert.match(said.reason, reason);
          assert.match(said.message, says);
        });
      }
    });

    test("a quota that lets no Job in: told in the API server's words, and over when it is", async () => {
      const crowded = await bench().namespace("crowded");
      await crowded.kubectl("create", "quota", "none", "--hard=count/jobs.batch=0");
      await crowded.apply(manifest("job"));
      const job = await crowded.until("job", "refused", (one) => condition(one, "Ready")?.reason === "JobRefused");
      assert.match(condition(job, "Ready")?.message ?? "", /exceeded quota: none/);
      await crowded.kubectl("delete", "quota", "none");
      // It is asked again every minute; a change of the job asks at once.
      await crowded.kubectl("label", "finetunejob", "job", "hurry=yes");
      await crowded.until("job", "prepared", ({ status }) => status?.pins !== undefined);
    });

    test("one Event tells of each, and nothing loops", async () => {
      const events = await team.kubectl(
        "get",
        "events.v1.events.k8s.io",
        "-o",
        "jsonpath={range .items[*]}{.regarding.name} {.type}{'\\n'}{end}",
      );
      for (const index of stalled.keys()) {
        assert.equal(events.split("\n").filter((line) => line === `stalled-${index} Warning`).length, 1);
      }
      const before = team.written().length;
      await new Promise((resolve) => setTimeout(resolve, 10_000));
      assert.equal(team.written().length, before);
    });

    test("mended under the same URI, it is looked at again when a person asks", async () => {
      const bad = stalled.findIndex(({ name }) => name === "a bad row");
      const file = path.join(bench().directory, "inputs/bad.jsonl");
      writeFileSync(file, readFileSync(path.join(bench().directory, "inputs/test.jsonl")));
      await team.kubectl("annotate", "finetunejob", `stalled-${bad}`, "luthier.dev/requested-at=mended");
      await team.untilReady(`stalled-${bad}`);
    });
  });
}
