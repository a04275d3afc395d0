/**
 * Without a claim: a base of the hub, data and artifacts in a bucket. Both servers run on the host, the pods reach them by
 * its address, and each wants a Secret.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { digestOf } from "../../trainer/stores/digest.ts";
import { damageOf, fileList } from "../../trainer/stores/directory.ts";
import { Stores } from "../../trainer/stores/stores.ts";
import { HubServer } from "../../trainer/testing/hubServer.ts";
import { account, type Gateway, startGateway } from "../stores/gateway.ts";
import { type Bench, condition, manifest, refusal, type Team } from "./bench.ts";

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

  test("two servers on the host, and a namespace", async () => {
    const { cluster, directory } = bench();
    team = await bench().namespace("stores");
    gateway = await startGateway(path.join(directory, "s3"), cluster.hostAddress);
    const model = path.join(directory, "inputs/model");
    const files = Object.fromEntries(readdirSync(model).map((name) => [name, readFileSync(path.join(model, name))]));
    hub = await HubServer.start([{ name: "acme/tiny", files, token }], { host: cluster.hostAddress });
    const bucket = `s3://${gateway.bucket}`;
    const locations = [{ uri: bucket, endpoint: gateway.endpoint, secretRef: { name: "s3" } }];
    stores = new Stores({ locations, secretsRoot: gateway.secretsRoot, scratch: path.join(directory, "scratch") });
    await stores
      .of(bucket)
      .write(`${bucket}/data/train.jsonl`, readFileSync(path.join(directory, "inputs/train.jsonl")));
  });

  test("a Secret that is missing is said, and waited for", async () => {
    const s3 = { endpoint: gateway.endpoint, secretRef: { name: "s3" } };
    const change = {
      baseModel: { uri: "hf://acme/tiny", revision: "v1", endpoint: hub.endpoint, secretRef: { name: "hub" } },
      dataset: { sources: [{ uri: `s3://${gateway.bucket}/data/train.jsonl`, ...s3 }], maxSequenceLength: 128 },
      training: { maxSteps: 4, batchTokens: 512, learningRate: "1e-2" },
      artifacts: { uri: `s3://${gateway.bucket}/luthier`, ...s3 },
      adapter: { exports: [{ name: "merged", merged: {} }] },
    };
    const secret = (name: string, keys: Readonly<Record<string, string>>) =>
      team.kubectl(
        "create",
        "secret",
        "generic",
        name,
        ...Object.entries(keys).map(([k, v]) => `--from-literal=${k}=${v}`),
      );
    await secret("s3", account);
    await team.apply(manifest("remote", change));
    await team.until("remote", "waiting for its Secret", (job) =>
      /"hub" not found/.test(condition(job, "Ready")?.message ?? ""),
    );
    await secret("hub", { HF_TOKEN: token });
  });

  test("the road is the same: pinned, trained, exported and verified", async () => {
    const job = await team.untilReady("remote");
    assert.match(job.status?.pins?.baseRevision ?? "", /^[0-9a-f]{40}$/);
    const adapter = await team.adapter();
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

  test("the bucket holds everything; the claim nothing", async () => {
    const root = `s3://${gateway.bucket}/luthier/stores`;
    const kinds = new Set((await stores.of(root).list(root)).map(({ path: name }) => name.split("/")[0]));
    assert.deepEqual([...kinds].sort(), ["objects", "prepared", "runs", "staged"]);
    assert.deepEqual(readdirSync(team.store), []);
  });

  test("what the Secrets hold is in no object", async () => {
    const all = await team.kubectl("get", "ftj,ftr,adapters,jobs,pods,events", "-o", "json");
    for (const word of [token, account.AWS_SECRET_ACCESS_KEY]) assert.equal(all.includes(word), false);
  });

  test("user information, and a revision or a Secret of a claim, are refused", async () => {
    const refused = async (baseModel: object) => await refusal(team.apply(manifest("wrong", { baseModel })));
    assert.match(await refused({ uri: "s3://key:secret@bucket/x" }), /spec\.baseModel\.uri.*no user information/);
    assert.match(
      await refused({ uri: "pvc://a/b", revision: "main" }),
      /spec\.baseModel\.revision.*goes with a uri of hf/,
    );
    assert.match(await refused({ uri: "pvc://a/b", secretRef: { name: "x" } }), /spec\.baseModel.*go with a uri of s3/);
  });
}
