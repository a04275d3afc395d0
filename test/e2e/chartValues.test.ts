/** The chart as Helm renders it for its values. Needs Helm and promtool, but no cluster. */
import assert from "node:assert/strict";
import path from "node:path";
import { before, test } from "node:test";
import { chart } from "../../demo/install.ts";
import { run } from "../../terminal/runProgram.ts";
import { buildPrograms } from "../cluster/programs.ts";
import { debianProgram } from "../support/debianProgram.ts";
import { refusal } from "./bench.ts";
import { at, everything, namesOf, objectsIn, ofKind, type Release, renderedText } from "./renderedChart.ts";

let helm = "";
before(async () => {
  helm = path.join(await buildPrograms(() => {}), "helm");
});

const render = async (release?: Release) => objectsIn(await renderedText(helm, release));
const refused = (...set: string[]) => refusal(renderedText(helm, { set }));

test("the chart passes lint", async () => {
  assert.match((await run(helm, ["lint", "--strict", chart])).stdout, /0 chart\(s\) failed/);
});

const wrong: readonly { set: string[]; says: RegExp }[] = [
  { set: ["operator.replica=2"], says: /replica/ },
  {
    set: ["operator.replicas=2", "operator.leaderElection=false"],
    says: /operator\.replicas above 1 needs operator\.leaderElection/,
  },
  { set: ["serviceAccount.create=false"], says: /serviceAccount\.create: false needs serviceAccount\.name/ },
  { set: ["runAsUser=0"], says: /runAsUser/ },
  { set: ["garbageCollection.stores[0].uri=pvc://a"], says: /namespace/ },
  { set: ["garbageCollection.stores[0].uri=hf://a/b", "garbageCollection.stores[0].namespace=a"], says: /uri/ },
  { set: ["metrics.serviceMonitor.enabled=true", "metrics.podMonitor.enabled=true"], says: /scrape each pod twice/ },
  {
    set: ["metrics.serviceMonitor.enabled=true", "metrics.service.enabled=false"],
    says: /serviceMonitor needs metrics\.service\.enabled/,
  },
  { set: ["metrics.podMonitor.enabled=true", "metrics.tls.enabled=true"], says: /use metrics\.serviceMonitor/ },
];
for (const { set, says } of wrong)
  test(`the chart refuses ${set.join(" with ")}`, async () => assert.match(await refused(...set), says));

test("two replicas that elect a leader are the default, and a drain ends one at a time", async () => {
  const budget = async (...set: string[]) => {
    const objects = await render({ set });
    const [deployment] = ofKind(objects, "Deployment");
    return [at(deployment, "spec.replicas"), namesOf(objects, "PodDisruptionBudget").length];
  };
  assert.deepEqual(await budget(), [2, 1]);
  assert.deepEqual(await budget("operator.leaderElection=false"), [1, 0]);
  assert.deepEqual(await budget("operator.replicas=1"), [1, 0]);
  assert.deepEqual(await budget("operator.podDisruptionBudget.enabled=false"), [2, 0]);
});

test("a chart rendered for one namespace has rights only there, and to list nodes", async () => {
  const release = { name: "one", namespace: "luthier", set: ["operator.namespace=team-a", "rbac.userRoles=false"] };
  const objects = await render(release);
  assert.deepEqual(namesOf(objects, "ClusterRole"), ["one-luthier-nodes"]);
  assert.deepEqual(namesOf(objects, "Role"), ["team-a/one-luthier", "luthier/one-luthier-lease"]);
  assert.match(JSON.stringify(objects), /"resourceNames":\["luthier-operator-team-a"\]/);
  const none = await render({ ...release, set: [...release.set, "rbac.nodes=false"] });
  assert.deepEqual([...namesOf(none, "ClusterRole"), ...namesOf(none, "ClusterRoleBinding")], []);
});

test("viewers, editors and administrators of the cluster's roles get rights to the three kinds", async () => {
  const roles = ofKind(await render(), "ClusterRole").map((role) => {
    const labels = Object.keys(at(role, "metadata.labels") ?? {});
    const to = labels.flatMap((label) => /aggregate-to-(\w+)$/.exec(label)?.[1] ?? []);
    return [at(role, "metadata.name"), to.join(" ")];
  });
  assert.deepEqual(roles.filter(([, to]) => to !== "").sort(), [
    ["luthier-admin", "admin"],
    ["luthier-editor", "admin edit"],
    ["luthier-viewer", "admin edit view"],
  ]);
});

test("overrides rename the objects, and common labels and annotations are on each of them", async () => {
  const objects = await render({ set: [...everything, "fullnameOverride=tuner", "nameOverride=tuning"] });
  for (const object of objects) {
    const hook = Reflect.get(Object(at(object, "metadata.annotations")), "helm.sh/hook");
    assert.match(String(at(object, "metadata.name")), /^tuner/);
    if (hook !== undefined) continue;
    assert.equal(at(object, "metadata.labels.team"), "a");
    assert.equal(at(object, "metadata.annotations.owner"), "b");
    assert.equal(Reflect.get(Object(at(object, "metadata.labels")), "app.kubernetes.io/name"), "tuning");
  }
  const [deployment] = ofKind(objects, "Deployment");
  assert.equal(at(deployment, "spec.template.spec.serviceAccountName"), "tuner");
  const selector = at(deployment, "spec.selector.matchLabels");
  const labels = Object(at(deployment, "spec.template.metadata.labels"));
  for (const [label, value] of Object.entries(Object(selector))) assert.equal(labels[label], value);
});

test("an existing ServiceAccount gets the rights, and the chart creates none", async () => {
  const objects = await render({ set: ["serviceAccount.create=false", "serviceAccount.name=existing"] });
  assert.deepEqual(namesOf(objects, "ServiceAccount"), []);
  const bindings = [...ofKind(objects, "ClusterRoleBinding"), ...ofKind(objects, "RoleBinding")];
  assert.ok(bindings.length >= 3);
  for (const binding of bindings) assert.equal(at(binding, "subjects.0.name"), "existing");
});

test("the pods run as the chosen user, or as one that the cluster chooses", async () => {
  const userOf = async (...set: string[]) => {
    const [deployment] = ofKind(await render({ set }), "Deployment");
    const env = at(deployment, "spec.template.spec.containers.0.env");
    assert.ok(Array.isArray(env));
    const trainer = env.find((one) => one.name === "LUTHIER_TRAINER_USER").value;
    return [at(deployment, "spec.template.spec.securityContext.runAsUser"), trainer];
  };
  assert.deepEqual(await userOf(), [65532, "65532"]);
  assert.deepEqual(await userOf("runAsUser=1000650000"), [1000650000, "1000650000"]);
  assert.deepEqual(await userOf("runAsUser=null"), [undefined, ""]);
});

test("metrics over TLS have a certificate, a port, the right to review tokens and a scraper that sends its own", async () => {
  const objects = await render({ set: everything });
  const [monitor] = ofKind(objects, "ServiceMonitor");
  const [service] = ofKind(objects, "Service");
  const [secret] = ofKind(objects, "Secret");
  const port = at(service, "spec.ports.0.name");
  assert.equal(port, "https");
  assert.equal(at(monitor, "spec.endpoints.0.port"), port);
  assert.equal(at(monitor, "spec.endpoints.0.honorLabels"), true);
  assert.equal(at(monitor, "spec.endpoints.0.tlsConfig.ca.secret.name"), at(secret, "metadata.name"));
  const certificate = Buffer.from(String(Reflect.get(Object(secret?.data), "tls.crt")), "base64").toString();
  assert.match(certificate, /BEGIN CERTIFICATE/);
  const roles = namesOf(objects, "ClusterRole");
  assert.ok(roles.includes("luthier-metrics-auth") && roles.includes("luthier-metrics-reader"), String(roles));
  const plain = await render();
  assert.deepEqual([namesOf(plain, "Secret"), namesOf(plain, "ServiceMonitor")], [[], []]);
  assert.deepEqual(namesOf(await render({ set: ["metrics.podMonitor.enabled=true"] }), "PodMonitor"), [
    "system/luthier",
  ]);
});

test("policies restrict the operator and the trainer pods of the named namespaces", async () => {
  const policies = ofKind(
    await render({ set: ["networkPolicy.operator.enabled=true", "networkPolicy.trainer.namespaces={a,b}"] }),
    "NetworkPolicy",
  );
  assert.deepEqual(namesOf(policies, "NetworkPolicy"), ["system/luthier", "a/luthier-trainer", "b/luthier-trainer"]);
  const [operator, trainer] = policies;
  assert.deepEqual(at(operator, "spec.ingress.0.from"), [{ namespaceSelector: {} }]);
  assert.deepEqual(at(trainer, "spec.podSelector.matchLabels"), { "app.kubernetes.io/managed-by": "luthier-operator" });
  assert.equal(at(trainer, "spec.ingress"), undefined);
  assert.deepEqual(at(trainer, "spec.egress.1"), { ports: [{ protocol: "TCP", port: 443 }] });
});

test("each artifact store is cleaned by a CronJob of its namespace, which may only list the three kinds there", async () => {
  const value = (index: number, store: Record<string, string>) =>
    Object.entries(store).map(([key, text]) => `garbageCollection.stores[${index}].${key}=${text}`);
  const bucket = { namespace: "a", uri: "s3://models/luthier", secretName: "s3" };
  const stores = [
    { namespace: "a", uri: "pvc://store/l/" },
    bucket,
    { ...bucket, namespace: "b", endpoint: "https://s3" },
  ];
  const set = [...stores.flatMap((store, index) => value(index, store)), "garbageCollection.days=30"];
  const objects = await render({ set: [...set, "trainer.env.HTTPS_PROXY=http://proxy:3128"] });
  assert.deepEqual(namesOf(objects, "Role"), ["a/luthier-gc", "b/luthier-gc", "system/luthier-lease"]);
  const rules = [
    { apiGroups: ["luthier.dev"], resources: ["finetunejobs", "finetuneruns", "adapters"], verbs: ["list"] },
  ];
  assert.deepEqual(at(ofKind(objects, "Role")[0], "rules"), rules);
  const jobs = ofKind(objects, "CronJob");
  assert.equal(new Set(namesOf(objects, "CronJob")).size, 3);
  const [onClaim, inBucket, atEndpoint] = jobs.map((job) => at(job, "spec.jobTemplate.spec.template.spec"));
  const options = ["--delete", "--cluster", "--namespace=a", "--days=30"];
  const args = ["gc", "pvc://store/l/a", ...options, "--claim=store=/luthier/claims/store"];
  assert.deepEqual(at(onClaim, "containers.0.args"), args);
  assert.deepEqual(at(onClaim, "volumes.1.persistentVolumeClaim"), { claimName: "store" });
  assert.equal(at(onClaim, "securityContext.fsGroup"), 65532);
  assert.deepEqual(at(inBucket, "containers.0.args"), ["gc", "s3://models/luthier/a", ...options]);
  const names = (pod: unknown) => Object.values(Object(at(pod, "containers.0.env"))).map((one) => at(one, "name"));
  const credentials = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"];
  assert.deepEqual(names(inBucket), ["HTTPS_PROXY", ...credentials, "AWS_ENDPOINT_URL"]);
  assert.deepEqual(names(atEndpoint), ["AWS_ENDPOINT_URL", "HTTPS_PROXY", ...credentials]);
  assert.equal(at(atEndpoint, "containers.0.env.0.value"), "https://s3");
  assert.deepEqual(namesOf(await render(), "CronJob"), []);
  // The Service and the Deployment select the operator's pods by this label.
  assert.equal(
    Reflect.get(Object(at(jobs[0], "spec.jobTemplate.spec.template.metadata.labels")), "app.kubernetes.io/component"),
    "garbage-collector",
  );
});

test("the Adapters of each namespace are recorded in MLflow by a CronJob with the credentials of its Secret", async () => {
  const entry = { namespace: "a", uri: "https://mlflow.example", experiment: "bots", secretName: "tracker" };
  const set = Object.entries(entry).map(([key, text]) => `mlflow.namespaces[0].${key}=${text}`);
  const objects = await render({ set });
  assert.deepEqual(namesOf(objects, "CronJob"), ["a/luthier-mlflow"]);
  const [role] = ofKind(objects, "Role");
  const rules = [{ apiGroups: ["luthier.dev"], resources: ["finetuneruns", "adapters"], verbs: ["list"] }];
  assert.deepEqual([at(role, "metadata.namespace"), at(role, "rules")], ["a", rules]);
  const container = at(ofKind(objects, "CronJob")[0], "spec.jobTemplate.spec.template.spec.containers.0");
  assert.deepEqual(at(container, "args"), ["record", "--namespace=a", "--experiment=bots"]);
  const env = JSON.stringify(at(container, "env"));
  assert.match(env, /"MLFLOW_TRACKING_URI","value":"https:\/\/mlflow\.example"/);
  for (const key of ["USERNAME", "PASSWORD", "TOKEN"])
    assert.ok(env.includes(`{"name":"tracker","key":"MLFLOW_TRACKING_${key}","optional":true}`), env);
});

test("a webhook's Secret is mounted by its two keys, and the policy admits its receiver", async () => {
  const receiver = "networkPolicy.operator.egress[0].ports[0].port=8443";
  const objects = await render({
    set: ["notifications.secretName=hook", "networkPolicy.operator.enabled=true", receiver],
  });
  const [deployment] = ofKind(objects, "Deployment");
  const pod = at(deployment, "spec.template.spec");
  assert.match(
    JSON.stringify(at(pod, "containers.0.env")),
    /"LUTHIER_NOTIFICATIONS","value":"\/luthier\/notifications"/,
  );
  assert.equal(at(pod, "containers.0.volumeMounts.0.mountPath"), "/luthier/notifications");
  const items = ["url", "signingKey"].map((key) => ({ key, path: key }));
  assert.deepEqual(at(pod, "volumes"), [{ name: "notifications", secret: { secretName: "hook", items } }]);
  const [policy] = ofKind(objects, "NetworkPolicy");
  assert.deepEqual(at(policy, "spec.egress.2"), { ports: [{ port: 8443 }] });
  assert.equal(at(ofKind(await render(), "Deployment")[0], "spec.template.spec.volumes"), undefined);
});

test("the alerts fire when they should and at no other time", async () => {
  const promtool = await debianProgram("prometheus", "promtool");
  await run(promtool, ["check", "rules", path.join(chart, "files/alerts.yaml")]);
  assert.match(
    (await run(promtool, ["test", "rules", path.join(import.meta.dirname, "alerts.yaml")])).stdout,
    /SUCCESS/,
  );
});

test("names that YAML parses as booleans, numbers, dates or null are strings in every rendered object", async () => {
  const rendered = async (name: string) => {
    const values = [
      ...["operator.namespace", "operator.priorityClassName", "operator.nodeSelector.disk", "images.trainer.tag"],
      ...["images.operator.tag", "images.pullSecrets[0].name", "metrics.service.annotations.team", "nameOverride"],
      ...["serviceAccount.name", "commonLabels.team", "networkPolicy.trainer.namespaces[0]"],
      ...["garbageCollection.stores[0].namespace", "garbageCollection.stores[0].secretName"],
      ...["mlflow.namespaces[0].namespace", "mlflow.namespaces[0].experiment"],
    ].map((value) => `${value}=${name}`);
    const repositories = [
      "images.trainer.repository=1",
      "images.operator.repository=1",
      "garbageCollection.stores[0].uri=s3://a",
      "mlflow.namespaces[0].uri=http://a",
    ];
    return JSON.stringify(await render({ name, namespace: name, setString: [...values, ...repositories] }));
  };
  const plain = await rendered("plain-name");
  assert.ok(plain.split("plain-name").length > 30);
  const names = ["n", "y", "no", "on", "off", "true", "null", "1234", "1e3", "0x1f", "0o17", "2024-01-01", "30"];
  for (const name of names) assert.equal(await rendered(name), plain.replaceAll("plain-name", name), name);
});

test("a watched namespace that --set parses as a number is watched by its name", async () => {
  for (const name of ["1234", "12345678"]) {
    const objects = await render({ set: [`operator.namespace=${name}`] });
    assert.ok(namesOf(objects, "Role").includes(`${name}/luthier`));
    assert.match(JSON.stringify(objects), new RegExp(`"LUTHIER_NAMESPACE","value":"${name}"`));
    assert.match(JSON.stringify(objects), new RegExp(`"resourceNames":\\["luthier-operator-${name}"\\]`));
  }
});
