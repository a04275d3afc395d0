/** Tests the chart on a cluster: rights, strict validation, metrics, upgrade, uninstall. chartValues.test.ts renders it. */
import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { chart, imageValues, operatorNamespace, upgrade } from "../../demo/install.ts";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import { type Bench, manifest, refusal } from "./bench.ts";
import { collectorWorks } from "./collector.ts";
import { prometheusKinds } from "./prometheusKinds.ts";
import { everything, renderedText } from "./renderedChart.ts";

interface Rule {
  resources: string[];
  verbs: string[];
}

/**
 * Rights that these tests may not use: an admission plugin checks finalizers, Kueue is not installed, a cache is rarely
 * behind, and a FineTuneJob with a memory limit asks for no node.
 */
const unasked = [/^update \w+\/finalizers$/, /^list workloads$/, /^get adapters$/, /^list nodes$/];

export function chartTests(bench: () => Bench): void {
  test("the operator has the rights that it needs and few others", async () => {
    const { cluster } = bench();
    const may = async (...words: string[]) => {
      const account = `--as=system:serviceaccount:${operatorNamespace}:luthier`;
      const answer = cluster.kubectl(["auth", "can-i", ...words, account, "--namespace=default"]);
      return (await answer.catch(() => "no")).trim();
    };
    assert.equal(await may("create", "jobs.batch"), "yes");
    for (const words of [
      ["get", "secrets"],
      ["create", "pods"],
      ["update", "finetunejobs"],
      ["delete", "adapters"],
    ]) {
      assert.equal(await may(...words), "no", words.join(" "));
    }
  });

  test("the operator uses every right that it has, but for those with a reason", async () => {
    const { cluster } = bench();
    const roles = ["clusterrole/luthier", "clusterrole/luthier-nodes", "role/luthier-lease"];
    const get = ["get", ...roles, "--namespace", operatorNamespace, "--output=json"];
    const rules: Rule[] = JSON.parse(await cluster.kubectl(get)).items.flatMap((role: { rules: Rule[] }) => role.rules);
    const granted = rules.flatMap(({ resources, verbs }) =>
      resources.flatMap((of) => verbs.map((verb) => `${verb} ${of}`)),
    );
    const used = new Set(
      bench()
        .askedByOperator()
        .filter(({ code }) => code !== 403)
        .map(({ verb, resource, subresource }) => [`${verb} ${resource}`, subresource].filter(Boolean).join("/")),
    );
    assert.ok(granted.length > 30);
    assert.deepEqual(
      granted.filter((right) => !used.has(right) && !unasked.some((reason) => reason.test(right))),
      [],
    );
  });

  test("the operator serves metrics under controller-runtime's names", async () => {
    const { cluster } = bench();
    const metrics = await cluster.kubectl([
      "get",
      "--raw",
      `/api/v1/namespaces/${operatorNamespace}/services/luthier-metrics:http/proxy/metrics`,
    ]);
    assert.match(metrics, /controller_runtime_reconcile_total\{controller="finetunejob",result="success"\} [1-9]/);
    assert.match(metrics, /workqueue_depth\{name="finetunerun",controller="finetunerun"\} 0/);
    assert.match(metrics, /leader_election_master_status\{name="luthier-operator"\} 1/);
    assert.match(metrics, /luthier_finetunejobs\{namespace="[^"]+",state="Ready"\} [1-9]/);
    // Counters begin with the process, which other tests restart.
    assert.match(metrics, /luthier_queue_seconds_count \d/);
  });

  test("the chart with all its options passes the API server's strict validation", async () => {
    const { cluster } = bench();
    // The Prometheus operator's own kinds.
    for (const file of await prometheusKinds()) await cluster.kubectl(["apply", "--server-side", "-f", file]);
    await cluster.kubectl(["wait", "crd", "--all", "--for=condition=Established", "--timeout=60s"]);
    // The namespace is that of the installed release, because the test pod needs its ServiceAccount.
    const dryRun = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-"];
    for (const set of [everything, ["metrics.podMonitor.enabled=true", "operator.namespace=default"]]) {
      const text = await renderedText(cluster.programs.helm, { namespace: operatorNamespace, set });
      await cluster.kubectl(dryRun, text);
    }
    const typo = {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name: "a" },
      spec: { maxUnavailble: 1 },
    };
    assert.match(
      await refusal(cluster.kubectl(dryRun, JSON.stringify(typo))),
      /\.spec\.maxUnavailble: field not declared/,
    );
  });

  test("helm test finds an operator that holds the Lease", async () => {
    const answer = await bench().cluster.helm(["test", "luthier", "--namespace", operatorNamespace, "--timeout=2m"]);
    assert.match(answer, /TEST SUITE:\s+luthier-test\s[\s\S]*Phase:\s+Succeeded/);
  });

  test("users with the cluster's role edit write FineTuneJobs and no runs; those with view read them", async () => {
    const { cluster } = bench();
    for (const role of ["view", "edit"]) {
      const binding = ["create", "rolebinding", `to-${role}`, `--clusterrole=${role}`, `--user=${role}er`];
      await cluster.kubectl([...binding, "--namespace=default"]);
    }
    const may = async (user: string, verb: string, what: string, subresource = "") => {
      const at = ["--namespace=default", `--subresource=${subresource}`];
      const question = ["auth", "can-i", verb, what, `--as=${user}`, ...at];
      return (await cluster.kubectl(question).catch(() => "no")).trim();
    };
    // The cluster aggregates roles some moments after they are created.
    for (let tries = 0; tries < 50 && (await may("editer", "create", "finetunejobs")) === "no"; tries++)
      await sleep(100);
    const answers = await Promise.all([
      may("viewer", "list", "adapters"),
      may("viewer", "create", "finetunejobs"),
      may("editer", "create", "finetunejobs"),
      may("editer", "delete", "finetuneruns"),
      may("editer", "create", "finetuneruns"),
      may("editer", "patch", "finetunejobs", "status"),
    ]);
    assert.deepEqual(answers, ["yes", "no", "yes", "yes", "no", "no"]);
  });

  describe("its life", () => {
    /** The uids of all objects of a kind. */
    const uids = async (kind: string): Promise<string[]> => {
      const { items } = JSON.parse(await bench().cluster.kubectl(["get", kind, "--all-namespaces", "--output=json"]));
      return items.map(({ metadata }: KubeObject) => metadata.uid ?? "").sort();
    };
    const objects = async () => Promise.all(["finetunejobs", "finetuneruns", "adapters"].map(uids));
    /** Arguments and environment of the operator's container, and whether the CRD has `affinity`. */
    const installed = async () => {
      const { cluster } = bench();
      const deployment = await cluster.kubectl(["-n", operatorNamespace, "get", "deployment/luthier", "--output=json"]);
      const crd = await cluster.kubectl(["get", "crd", "finetunejobs.luthier.dev", "--output=json"]);
      const { env } = JSON.parse(deployment).spec.template.spec.containers[0];
      const level = env.find(({ name }: { name: string }) => name === "LUTHIER_LOG_LEVEL").value;
      return { level, knowsAffinity: crd.includes('"affinity"') };
    };
    let before: string[][];

    test("an upgrade changes values and CRDs, and keeps existing objects", async () => {
      before = await objects();
      assert.ok(before.flat().length > 10);
      const old = olderChart(path.join(bench().directory, "chart"));
      await bench().cluster.helm(["upgrade", "luthier", old, "-n", operatorNamespace, "--reuse-values"]);
      assert.deepEqual(await installed(), { level: "info", knowsAffinity: false });
      await upgrade(bench().cluster, ["operator.logLevel=debug", "metrics.tls.enabled=true"], "--reuse-values");
      assert.deepEqual(await installed(), { level: "debug", knowsAffinity: true });
      assert.deepEqual(await objects(), before);
    });

    test("a CronJob removes the files that nothing needs, and keeps those of a run and recent ones", () =>
      collectorWorks(bench(), bench().team("road")));

    test("metrics over TLS are for those whom the cluster allows", async () => {
      const { cluster } = bench();
      const binding = ["create", "clusterrolebinding", "scraper", "--clusterrole=luthier-metrics-reader"];
      await cluster.kubectl([...binding, `--serviceaccount=${operatorNamespace}:scraper`]);
      const tokens: string[] = [];
      for (const account of ["scraper", "tenant"]) {
        await cluster.kubectl(["create", "serviceaccount", account, "--namespace", operatorNamespace]);
        tokens.push((await cluster.kubectl(["create", "token", account, "--namespace", operatorNamespace])).trim());
      }
      assert.deepEqual(await scrape(bench(), [...tokens, "forged"]), ["200", "403", "401"]);
    });

    test("an uninstall keeps CRDs and objects, and removes everything else", async () => {
      const { cluster } = bench();
      await cluster.helm(["uninstall", "luthier", "--namespace", operatorNamespace, "--wait"]);
      assert.deepEqual(await objects(), before);
      const left = await cluster.kubectl([
        "get",
        "deployments,services,cronjobs,roles,clusterroles",
        "-A",
        "-o",
        "name",
      ]);
      assert.doesNotMatch(left, /luthier/);
    });

    for (const name of ["n", "1234"]) {
      test(`it installs into a namespace named ${name}, and works there`, async () => {
        const { cluster, operatorImage, trainerImage } = bench();
        const team = await bench().namespace(name);
        const values = [...imageValues("operator", operatorImage), ...imageValues("trainer", trainerImage)];
        // The CRDs are those of the previous release.
        const set = [...values, "crds.enabled=false"].flatMap((value) => ["--set", value]);
        const watched = `operator.namespace=${name}`;
        await cluster.helm(["install", "luthier", chart, "-n", name, "--wait", ...set, "--set-string", watched]);
        await team.apply(manifest("job"));
        await team.until("job", "prepared", ({ status }) => status?.pins !== undefined);
        await cluster.helm(["uninstall", "luthier", "-n", name, "--wait"]);
      });
    }
  });
}

/** The statuses of scrapes with these tokens from a pod, over TLS with the certificate of the chart's Secret. */
async function scrape({ cluster, operatorImage }: Bench, tokens: readonly string[]): Promise<string[]> {
  const ofChart = async (what: string, path: string) =>
    cluster.kubectl(["-n", operatorNamespace, "get", what, `--output=jsonpath=${path}`]);
  const [host, certificate] = await Promise.all([
    ofChart("service/luthier-metrics", "{.spec.clusterIP}"),
    ofChart("secret/luthier-metrics-tls", "{.data.tls\\.crt}"),
  ]);
  const servername = `luthier-metrics.${operatorNamespace}.svc`;
  const script = `const ca = Buffer.from("${certificate}", "base64");
    const get = (token) => new Promise((resolve, reject) => {
      const headers = { authorization: "Bearer " + token };
      const options = { host: "${host}", port: 8080, path: "/metrics", servername: "${servername}", headers, ca };
      require("https").get(options, resolve).once("error", reject);
    });
    (async () => { for (const token of ${JSON.stringify(tokens)}) console.log((await get(token)).statusCode); process.exit(); })();`;
  const container = {
    ...{ name: "scraper", image: operatorImage, command: ["/usr/local/bin/node", "--eval", script] },
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
  };
  const securityContext = { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } };
  const spec = { restartPolicy: "Never", containers: [container], securityContext };
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "scraper", namespace: operatorNamespace }, spec };
  await cluster.kubectl(["apply", "-f", "-"], JSON.stringify(pod));
  const ended = ["wait", "pod/scraper", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=120s"];
  await cluster.kubectl(["-n", operatorNamespace, ...ended]);
  return (await cluster.kubectl(["-n", operatorNamespace, "logs", "scraper"])).trim().split("\n");
}

/** The chart of an earlier release, with a CRD that lacks a field. */
function olderChart(directory: string): string {
  cpSync(chart, directory, { recursive: true });
  const file = path.join(directory, "templates/crds/finetunejobs.yaml");
  writeFileSync(file, readFileSync(file, "utf8").replaceAll(/^( +)affinity:\n(?:\1 +.*\n)+/gm, ""));
  return directory;
}
