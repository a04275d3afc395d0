import assert from "node:assert/strict";
import { test } from "node:test";
import { aBatchJob } from "../testing/builders.ts";
import { parseVariables, withVariables } from "./variables.ts";

test("the pod gets the variables, sorted by name; without variables the Job is unchanged", () => {
  const job = aBatchJob();
  const spec = { template: { spec: { containers: [{ name: "trainer", image: "trainer:1" }] } } };
  const made = withVariables({ ...job, spec }, { NO_PROXY: ".cluster.local", HTTPS_PROXY: "http://proxy:3128" });
  assert.deepEqual(made.spec?.template.spec?.containers, [
    {
      name: "trainer",
      image: "trainer:1",
      env: [
        { name: "HTTPS_PROXY", value: "http://proxy:3128" },
        { name: "NO_PROXY", value: ".cluster.local" },
      ],
    },
  ]);
  assert.deepEqual(withVariables(job, {}), job);
});

test("variables are a JSON object of strings", () => {
  assert.deepEqual(parseVariables('{"HTTPS_PROXY":"http://proxy:3128"}'), { HTTPS_PROXY: "http://proxy:3128" });
  for (const text of ["HTTPS_PROXY=x", "[]", '{"A":1}', '{"A B":"x"}', "null"])
    assert.equal(parseVariables(text), undefined);
});
