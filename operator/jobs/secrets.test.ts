import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { prepareKey } from "../../trainer/contract/hashes.ts";
import { trainingPart, withDefaults } from "../../trainer/contract/writtenOut.ts";
import { prepareJob } from "../finetunejob/children.ts";
import { trainJob } from "../finetunerun/job.ts";
import { aJob, aRun, aSpec, pinnedStatus, trainer } from "../testing/builders.ts";
import type { Job } from "./resources.ts";
import { secretMounts } from "./secrets.ts";

const spec = aSpec({
  baseModel: { uri: "hf://acme/model", secretRef: { name: "hub" } },
  dataset: { sources: [{ uri: "s3://data/train.jsonl", secretRef: { name: "s3" } }] },
  artifacts: { uri: "s3://store", endpoint: "https://s3.example", secretRef: { name: "s3" } },
});
const key = prepareKey(trainingPart(spec));
const job = aJob(spec, pinnedStatus(key));
const prepare = prepareJob(job, { spec, prepareKey: key, specHash: "0".repeat(64), request: undefined }, trainer);
const train = trainJob(aRun(job), { jobName: "run-1", ...trainer, activeDeadlineSeconds: undefined });

const pod = (one: Job) => one.spec!.template.spec!;
const secrets = (one: Job) =>
  pod(one)
    .containers[0]!.volumeMounts!.filter(({ name }) => name.startsWith("secret-"))
    .map(({ mountPath }) => mountPath);

describe("Secrets", () => {
  test("Secrets are mounted where they are needed: those of the inputs only in prepare", () => {
    assert.deepEqual(secrets(prepare), ["/luthier/secrets/hub", "/luthier/secrets/s3"]);
    assert.deepEqual(secrets(train), ["/luthier/secrets/s3"]);
  });

  test("prepare mounts the claims and the Secrets of the adapters that a method mixes, and the training none of them", () => {
    const adapters = [{ uri: "pvc://adapters/a" }, { uri: "hf://acme/b", secretRef: { name: "adapters" } }];
    const mixing = aSpec({ ...spec, method: { xlora: { adapters } } });
    const wanted = { spec: mixing, prepareKey: key, specHash: "0".repeat(64), request: undefined };
    const mounted = prepareJob(aJob(mixing, pinnedStatus(key)), wanted, trainer);
    assert.deepEqual(
      secrets(mounted),
      ["/luthier/secrets/hub", "/luthier/secrets/s3", "/luthier/secrets/adapters"].sort(),
    );
    const claims = pod(mounted).volumes!.flatMap(({ persistentVolumeClaim: claim }) =>
      claim ? [claim.claimName] : [],
    );
    assert.deepEqual(claims, ["adapters"]);
    const job = aJob(mixing, pinnedStatus(key));
    const training = trainJob(aRun(job), { jobName: "run-1", ...trainer, activeDeadlineSeconds: undefined });
    assert.deepEqual(secrets(training), ["/luthier/secrets/s3"]);
  });

  test("Secrets provide keys of fixed names; without a required key the pod waits", () => {
    const volume = pod(train).volumes!.find(({ name }) => name === "secret-0");
    const sources = volume!.projected!.sources!.map(({ secret }) => ({
      optional: secret!.optional,
      keys: secret!.items!.map((item) => item.key),
    }));
    assert.deepEqual(sources, [
      { optional: false, keys: ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] },
      { optional: true, keys: ["AWS_SESSION_TOKEN"] },
      { optional: true, keys: ["AWS_REGION"] },
      { optional: true, keys: ["AWS_ENDPOINT_URL"] },
    ]);
  });

  test("Secrets of one store are one mount, and a store without credentials has none", () => {
    const secretRef = { name: "both" };
    const mounts = secretMounts([{ uri: "s3://a", secretRef }, { uri: "hf://a/b", secretRef }, { uri: "s3://public" }]);
    assert.deepEqual(
      mounts.map(({ secret, required }) => [secret, required]),
      [["both", ["HF_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]]],
    );
  });

  test("Secrets do not affect a run's hash, and neither does the access to its store", () => {
    const run = aRun(job);
    assert.equal(JSON.stringify(withDefaults(trainingPart(spec))).includes("secretRef"), false);
    assert.deepEqual(run.spec.execution.artifacts, { endpoint: "https://s3.example", secretRef: { name: "s3" } });
    const renamed = aSpec({ ...spec, baseModel: { uri: "hf://acme/model", secretRef: { name: "other" } } });
    assert.equal(prepareKey(trainingPart(renamed)), key);
  });
});

test("a run that fetches its inputs has the local disk space that they need, and no more", () => {
  const { volumes } = pod(train);
  const scratch = volumes!.find(({ name }) => name === "scratch")?.emptyDir?.sizeLimit;
  assert.equal(scratch, String(66 * 2 ** 20));
  const onClaim = pod(
    trainJob(aRun(aJob(aSpec(), pinnedStatus(key))), {
      jobName: "run-1",
      ...trainer,
      activeDeadlineSeconds: undefined,
    }),
  );
  assert.deepEqual(onClaim.volumes!.find(({ name }) => name === "scratch")?.emptyDir, {});
});
