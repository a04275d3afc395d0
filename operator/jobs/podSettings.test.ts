import assert from "node:assert/strict";
import { test } from "node:test";
import { trainJob } from "../finetunerun/job.ts";
import { aPinnedJob, aRun, aSpec, trainer } from "../testing/builders.ts";
import { type PodSettings, type PodVariables, parseVariables } from "./podSettings.ts";

const podOf = (pods: Partial<PodSettings>) =>
  trainJob(aRun(aPinnedJob()), {
    ...{ jobName: "run-1", ...trainer, activeDeadlineSeconds: undefined },
    pods: { ...trainer.pods, ...pods },
  }).spec?.template.spec;
const container = (variables: PodVariables) => podOf({ variables })?.containers[0];

test("the pod gets the variables, sorted by name; without variables the Job is unchanged", () => {
  const env = [
    { name: "HTTPS_PROXY", value: "http://proxy:3128" },
    { name: "NO_PROXY", value: ".cluster.local" },
  ];
  const made = container({ NO_PROXY: ".cluster.local", HTTPS_PROXY: "http://proxy:3128" });
  assert.deepEqual(made, { ...container({}), env });
  assert.equal("env" in (container({}) ?? {}), false);
});

test("variables of a placement are passed on, and the operator's win", () => {
  const own = [
    { name: "NCCL_DEBUG", value: "INFO" },
    { name: "HTTPS_PROXY", value: "http://mine" },
  ];
  const spec = aSpec({ placement: { gpusPerNode: 0, env: own } });
  const pods = { ...trainer.pods, variables: { HTTPS_PROXY: "http://proxy:3128" } };
  const job = trainJob(aRun(aPinnedJob(spec)), {
    jobName: "run-1",
    ...trainer,
    pods,
    activeDeadlineSeconds: undefined,
  });
  assert.deepEqual(job.spec?.template.spec?.containers[0]?.env, [
    { name: "HTTPS_PROXY", value: "http://proxy:3128" },
    { name: "NCCL_DEBUG", value: "INFO" },
  ]);
});

test("variables are a JSON object of strings", () => {
  assert.deepEqual(parseVariables('{"HTTPS_PROXY":"http://proxy:3128"}'), { HTTPS_PROXY: "http://proxy:3128" });
  for (const text of ["HTTPS_PROXY=x", "[]", '{"A":1}', '{"A B":"x"}', "null"])
    assert.equal(parseVariables(text), undefined);
});

test("a pod runs as the operator's user, or as a user that the cluster chooses, and never as root", () => {
  const [own, chosen] = [podOf({ user: 1000 })?.securityContext, podOf({ user: undefined })?.securityContext];
  assert.deepEqual([own?.runAsUser, own?.runAsGroup, own?.fsGroup, own?.runAsNonRoot], [1000, 1000, 1000, true]);
  assert.deepEqual(chosen, { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
});
