/**
 * The quickstart without a claim: its base from a hub, its data and artifacts in a bucket, nothing else changed. Both
 * servers run on the host, the pods connect to the host's address, and each server requires a Secret.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { parse } from "yaml";
import { demo } from "../../demo/places.ts";
import type { FineTuneJob } from "../../operator/api/kinds.ts";
import { digestOf } from "../../trainer/stores/digest.ts";
import { damageOf, fileList } from "../../trainer/stores/directory.ts";
import { Stores } from "../../trainer/stores/stores.ts";
import { HubServer } from "../../trainer/testing/hubServer.ts";
import { adapterWeightsFile } from "../../trainer/weights/peftConfig.ts";
import { account, type Gateway, startGateway } from "../stores/gateway.ts";
import { type Bench, condition, manifest, refusal, type Team } from "./bench.ts";

const job = "spam-or-ham";
const token = "hf_token-of-a-test";

export function storeTests(bench: () => Bench): void {
  let team: Team;
  let gateway: Gateway;
  let hub: HubServer;
  let stores: Stores;

  after(async () => {
    hub?.close();
    await gateway?.stop();
  });

  test("two servers start on the host, and a namespace is created", async () => {
    const { cluster, directory } = bench();
    team = await bench().namespace("stores");
    gateway = await startGateway(path.join(directory, "s3"), cluster.hostAddress);
    const files = readdirSync(demo.baseModel).map((name) => [name, readFileSync(path.join(demo.baseModel, name))]);
    const base = { name: "acme/tiny-mail", files: Object.fromEntries(files), token };
    hub = await HubServer.start([base], { host: cluster.hostAddress });
    const bucket = `s3://${gateway.bucket}`;
    const locations = [{ uri: bucket, endpoint: gateway.endpoint, secretRef: { name: "s3" } }];
    stores = new Stores({ locations, secretsRoot: gateway.secretsRoot, scratch: path.join(directory, "scratch") });
    for (const name of ["train.jsonl", "validation.jsonl", "test.jsonl"]) {
      await stores.of(bucket).write(`${bucket}/data/${name}`, readFileSync(path.join(demo.inputs, "data", name)));
    }
  });

  /** demo/quickstart.yaml with other URIs. */
  function quickstart(): FineTuneJob {
    const { spec, ...rest }: FineTuneJob = parse(readFileSync(demo.manifest, "utf8"));
    const inBucket = (path: string) => ({
      uri: `s3://${gateway.bucket}/${path}`,
      endpoint: gateway.endpoint,
      secretRef: { name: "s3" },
    });
    const moved = ({ uri, ...reading }: { uri: string }) => ({
      ...reading,
      ...inBucket(uri.replace(`pvc://${demo.inputsClaim}/`, "")),
    });
    const { baseModel, dataset, evaluation } = spec;
    assert.ok(dataset.validation?.uri !== undefined && evaluation);
    const hubModel = { uri: "hf://acme/tiny-mail", revision: "v1", endpoint: hub.endpoint, secretRef: { name: "hub" } };
    return {
      ...rest,
      spec: {
        ...spec,
        baseModel: { ...baseModel, ...hubModel },
        dataset: {
          ...dataset,
          sources: dataset.sources.map(moved),
          validation: moved({ uri: dataset.validation.uri }),
        },
        evaluation: { ...evaluation, test: moved(evaluation.test) },
        artifacts: inBucket("luthier"),
      },
    };
  }

  test("a missing Secret is reported, and the pod waits for it", async () => {
    const secret = (name: string, keys: Readonly<Record<string, string>>) => {
      const literals = Object.entries(keys).map(([key, value]) => `--from-literal=${key}=${value}`);
      return team.kubectl("create", "secret", "generic", name, ...literals);
    };
    await secret("s3", account);
    await team.apply(quickstart());
    await team.until(job, "waiting for its Secret", (one) =>
      /"hub" not found/.test(condition(one, "Ready")?.message ?? ""),
    );
    await secret("hub", { HF_TOKEN: token });
  });

  test("the stages are the same: the inputs are pinned, and the result is trained, exported and verified", async () => {
    const { status } = await team.untilReady(job, 20 * 60);
    assert.match(status?.pins?.baseRevision ?? "", /^[0-9a-f]{40}$/);
    const adapter = await team.adapter();
    const { before, after, majorityShare } = adapter.spec.results?.evaluation ?? {};
    assert.ok(Number(before) <= Number(majorityShare) && Number(after) > 0.9, `${before}, ${after}, ${majorityShare}`);
    const merged = adapter.status?.exports?.[0];
    assert.equal(merged?.state, "Ready");
    const uri = merged?.uri ?? "";
    assert.match(uri, /^s3:\/\/artifacts\/luthier\/stores\/runs\//);
    const written = await stores.of(uri).read(`${uri}/manifest.json`);
    assert.equal(digestOf(written), merged?.digest);
    assert.equal(
      await damageOf(stores, uri, fileList.parse(JSON.parse(Buffer.from(written).toString()).files)),
      undefined,
    );
  });

  test("the bucket contains everything, and the claim nothing", async () => {
    const root = `s3://${gateway.bucket}/luthier/stores`;
    const kinds = new Set((await stores.of(root).list(root)).map(({ path: name }) => name.split("/")[0]));
    assert.deepEqual([...kinds].sort(), ["objects", "prepared", "quantized", "runs", "staged"]);
    assert.deepEqual(readdirSync(team.store), []);
  });

  test("no object contains the content of the Secrets", async () => {
    const all = await team.kubectl("get", "ftj,ftr,adapters,jobs,pods,events", "-o", "json");
    for (const word of [token, account.AWS_SECRET_ACCESS_KEY]) assert.equal(all.includes(word), false);
  });

  test("user information, and a revision or a Secret of a claim, are refused", async () => {
    const refused = async (baseModel: object) => await refusal(team.apply(manifest("wrong", { baseModel })));
    assert.match(await refused({ uri: "s3://key:secret@bucket/x" }), /spec\.baseModel\.uri.*no user information/);
    assert.match(await refused({ uri: "pvc://a/b", revision: "main" }), /spec\.baseModel\.revision.*needs a uri of hf/);
    assert.match(await refused({ uri: "pvc://a/b", secretRef: { name: "x" } }), /spec\.baseModel.*need a uri of s3/);
  });
}

/** sha256 of the weights of each namespace's only Adapter, from the adapters' manifests: in a bucket, and in claims. */
export function sameBytesTest(bench: () => Bench): void {
  test("the quickstart's adapter from hub and bucket is bit-identical to that from claims", async () => {
    const weights = (written: Uint8Array) =>
      fileList
        .parse(JSON.parse(Buffer.from(written).toString()).files)
        .find(({ path: name }) => name === adapterWeightsFile);
    const uriIn = async (namespace: string) => (await bench().team(namespace).adapter()).spec.source.uri;
    const behind = (uri: string, root: string, directory: string) =>
      readFileSync(path.join(bench().directory, directory, uri.replace(root, ""), "manifest.json"));
    const claims = weights(behind(await uriIn("quickstart"), "pvc://demo-store/", "quickstart/store"));
    const bucket = weights(behind(await uriIn("stores"), "s3://", "s3/buckets"));
    assert.match(claims?.digest ?? "", /^sha256:/);
    assert.deepEqual(bucket, claims);
  });
}
