import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfiguration, UsageError } from "./configuration.ts";

const image = ["--trainer-image", "trainer:1"];

test("flags take precedence over the environment", () => {
  const env = { LUTHIER_TRAINER_IMAGE: "other:1", LUTHIER_PORT: "9000", LUTHIER_NAMESPACE: "" };
  const configuration = readConfiguration([...image, "--namespace", "team"], env);
  assert.deepEqual(
    [configuration?.trainerImage, configuration?.port, configuration?.namespace],
    ["trainer:1", 9000, "team"],
  );
});

test("an empty namespace in the environment means all", () => {
  assert.equal(readConfiguration(image, { LUTHIER_NAMESPACE: "" })?.namespace, undefined);
});

test("the Lease is in the pod's namespace", () => {
  const configuration = readConfiguration(image, { LUTHIER_LEADER_ELECT: "true", POD_NAMESPACE: "luthier-system" });
  assert.deepEqual(configuration?.leaderElection, { namespace: "luthier-system", name: "luthier-operator" });
  assert.equal(readConfiguration(image, {})?.leaderElection, undefined);
});

test("operators of two namespaces lead side by side; operators of one elect a leader", () => {
  const lease = (namespace: string) =>
    readConfiguration([...image, "--leader-elect", "--namespace", namespace], {})?.leaderElection?.name;
  assert.equal(lease("team-a"), "luthier-operator-team-a");
  assert.equal(lease(""), "luthier-operator");
});

test("variables of the trainer's pods are a JSON object", () => {
  const proxy = { HTTPS_PROXY: "http://proxy:3128" };
  assert.deepEqual(readConfiguration(image, { LUTHIER_TRAINER_ENV: JSON.stringify(proxy) })?.pods.variables, proxy);
  assert.deepEqual(readConfiguration(image, { LUTHIER_TRAINER_ENV: "" })?.pods.variables, {});
});

test("the limit of concurrent runs is a number, or absent", () => {
  const limit = (LUTHIER_CONCURRENT_RUNS?: string) =>
    readConfiguration(image, { LUTHIER_CONCURRENT_RUNS })?.concurrentRuns;
  assert.deepEqual([limit(), limit(""), limit("3")], [undefined, undefined, 3]);
});

test("the user of the trainer's pods is 65532, another one, or left to the cluster", () => {
  const user = (LUTHIER_TRAINER_USER?: string) => readConfiguration(image, { LUTHIER_TRAINER_USER })?.pods.user;
  assert.deepEqual([user(), user("1000"), user("")], [65532, 1000, undefined]);
});

test("metrics are served over TLS if a directory of certificates is set", () => {
  const secure = (env: NodeJS.ProcessEnv) => readConfiguration(image, env)?.secureMetrics;
  assert.equal(secure({ LUTHIER_METRICS_PORT: "9443" }), undefined);
  assert.deepEqual(secure({ LUTHIER_METRICS_CERTS: "/certs" }), { port: 8443, certificates: "/certs" });
});

const wrong: readonly { name: string; argv: string[]; message: RegExp }[] = [
  { name: "no image", argv: [], message: /--trainer-image/ },
  { name: "an unknown flag", argv: [...image, "--trainer"], message: /--trainer/ },
  { name: "an invalid port", argv: [...image, "--port", "http"], message: /http is not a port/ },
  {
    name: "an invalid port of metrics",
    argv: [...image, "--metrics-certs", "/certs", "--metrics-port", "70000"],
    message: /--metrics-port: 70000 is not a port/,
  },
  {
    name: "a limit of no runs",
    argv: [...image, "--concurrent-runs", "0"],
    message: /--concurrent-runs: 0 .*1 or more/,
  },
  { name: "root as a user", argv: [...image, "--trainer-user", "0"], message: /--trainer-user: 0 .*other than root/ },
  { name: "invalid variables", argv: [...image, "--trainer-env", "A=b"], message: /--trainer-env .*JSON object/ },
  { name: "an invalid level", argv: [...image, "--log-level", "loud"], message: /loud is not a log level/ },
];
for (const { name, argv, message } of wrong) {
  test(`${name} is refused`, () => {
    assert.throws(
      () => readConfiguration(argv, {}),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  });
}

test("help needs no other flag", () => {
  assert.equal(readConfiguration(["--help"], {}), undefined);
});
