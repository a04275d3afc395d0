/** Tests the chart with the real Helm: lint, upgrade, uninstall. */
import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { parseAllDocuments } from "yaml";
import { chart, imageValues, operatorNamespace, upgrade } from "../../demo/install.ts";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import { type Bench, manifest, refusal } from "./bench.ts";

export function chartTests(bench: () => Bench): void {
  test("the chart passes lint and refuses unknown values", async () => {
    const { cluster } = bench();
    assert.match(await cluster.helm(["lint", "--strict", chart]), /0 chart\(s\) failed/);
    // Without a cluster Helm assumes one of its own version.
    const render = ["template", chart, "--kube-version=1.34.0", "--set"];
    const refused = async (values: string) => refusal(cluster.helm([...render, values]));
    assert.match(await refused("operator.replica=2"), /replica/);
    const writers = "operator.replicas=2,operator.leaderElection=false";
    assert.match(await refused(writers), /operator\.replicas above 1 needs operator\.leaderElection/);
  });

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

  test("the operator serves metrics under controller-runtime's names", async () => {
    const { cluster } = bench();
    const metrics = await cluster.kubectl([
      "get",
      "--raw",
      `/api/v1/namespaces/${operatorNamespace}/services/luthier-metrics:http/proxy/metrics`,
    ]);
    assert.match(metrics, /controller_runtime_reconcile_total\{controller="finetunejob",result="success"\} [1-9]/);
    assert.match(metrics, /workqueue_depth\{name="finetunerun"\} 0/);
    assert.match(metrics, /leader_election_master_status\{name="luthier-operator"\} 1/);
  });

  test("a chart rendered for one namespace has rights only there, and to list nodes", async () => {
    const rendered = await bench().cluster.helm([
      ...["template", "one", chart, "--kube-version=1.34.0", "--namespace=luthier", "--set=operator.namespace=team-a"],
    ]);
    const kinds = parseAllDocuments(rendered).map((document) => document.toJS());
    const named = (kind: string) => kinds.filter((one) => one?.kind === kind).map(({ metadata }) => metadata);
    assert.deepEqual(
      named("ClusterRole").map(({ name }) => name),
      ["one-luthier-nodes"],
    );
    assert.deepEqual(
      named("Role").map(({ name, namespace }) => [name, namespace]),
      [
        ["one-luthier", "team-a"],
        ["one-luthier-lease", "luthier"],
      ],
    );
    assert.match(rendered, /resourceNames: \["luthier-operator-team-a"\]/);
  });

  test("names that YAML parses as booleans, numbers, dates or null are strings in every rendered object", async () => {
    const render = async (name: string) => {
      const named = [
        "operator.namespace",
        "operator.priorityClassName",
        "operator.nodeSelector.disk",
        "images.trainer.tag",
      ];
      const more = ["images.operator.tag", "images.pullSecrets[0].name", "metrics.service.annotations.team"];
      const values = [...named, ...more].map((value) => `--set-string=${value}=${name}`);
      const set = [...values, "--set-string=images.trainer.repository=1", "--set-string=images.operator.repository=1"];
      const text = await bench().cluster.helm([
        ...[
          "template",
          name,
          chart,
          "--kube-version=1.34.0",
          `--namespace=${name}`,
          "--set=crds.enabled=false",
          ...set,
        ],
      ]);
      // YAML 1.1, as in Kubernetes' tools and Helm.
      const documents = parseAllDocuments(text, { version: "1.1" });
      assert.deepEqual(
        documents.flatMap(({ errors, warnings }) => [...errors, ...warnings]),
        [],
      );
      return JSON.stringify(documents.map((document) => document.toJS()));
    };
    const plain = await render("plain-name");
    assert.ok(plain.split("plain-name").length > 30);
    for (const name of [
      "n",
      "y",
      "no",
      "on",
      "off",
      "true",
      "null",
      "1234",
      "1e3",
      "0x1f",
      "0o17",
      "2024-01-01",
      "30",
    ]) {
      assert.equal(await render(name), plain.replaceAll("plain-name", name), name);
    }
  });

  test("a watched namespace that --set parses as a number is watched by its name", async () => {
    const { cluster } = bench();
    for (const [value, name] of [
      ["1234", "1234"],
      ["12345678", "12345678"],
    ] as const) {
      const set = `--set=operator.namespace=${value}`;
      const rendered = await cluster.helm(["template", "one", chart, "--kube-version=1.34.0", set]);
      const documents = parseAllDocuments(rendered, { version: "1.1" }).map((document) => document.toJS());
      const role = documents.find(({ kind }) => kind === "Role");
      assert.equal(role.metadata.namespace, name);
      assert.match(JSON.stringify(documents), new RegExp(`"LUTHIER_NAMESPACE","value":"${name}"`));
      assert.match(JSON.stringify(documents), new RegExp(`"resourceNames":\\["luthier-operator-${name}"\\]`));
    }
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
      await upgrade(bench().cluster, ["operator.logLevel=debug"], "--reuse-values");
      assert.deepEqual(await installed(), { level: "debug", knowsAffinity: true });
      assert.deepEqual(await objects(), before);
    });

    test("an uninstall keeps CRDs and objects, and removes everything else", async () => {
      const { cluster } = bench();
      await cluster.helm(["uninstall", "luthier", "--namespace", operatorNamespace, "--wait"]);
      assert.deepEqual(await objects(), before);
      const left = await cluster.kubectl(["get", "deployments,services,roles,clusterroles", "-A", "-o", "name"]);
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

/** The chart of an earlier release, with a CRD that lacks a field. */
function olderChart(directory: string): string {
  cpSync(chart, directory, { recursive: true });
  const file = path.join(directory, "templates/crds/finetunejobs.yaml");
  writeFileSync(file, readFileSync(file, "utf8").replaceAll(/^( +)affinity:\n(?:\1 +.*\n)+/gm, ""));
  return directory;
}
