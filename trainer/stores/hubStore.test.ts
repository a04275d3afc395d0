import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { describe, type TestContext, test } from "node:test";
import type { Location } from "../contract/locations.ts";
import { type HubRepository, HubServer, sendContent } from "../testing/hubServer.ts";
import { temporaryDirectory } from "../testing/temporary.ts";
import { CredentialSource } from "./credentials.ts";
import { digestOf } from "./digest.ts";
import { HubStore } from "./hubStore.ts";
import { MissingFileError } from "./store.ts";
import { Stores } from "./stores.ts";

const bytes = (text: string) => Buffer.from(text);
const large = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7919) >> 3));
const model: HubRepository = {
  name: "acme/model",
  files: {
    "config.json": bytes("{}"),
    "a dir/notes.txt": bytes("words"),
    "model.safetensors": large,
    "tokenizer.json": bytes("[]"),
    "z.bin": bytes("z"),
  },
};
const patience = { totalMs: 2000, firstPauseMs: 5, longestPauseMs: 50, silenceMs: 300 };

interface Options {
  repositories?: HubRepository[];
  token?: string;
}

/** A hub, and stores that reach it; with `token` through a mounted Secret. */
async function place(t: TestContext, { repositories = [model], token }: Options = {}) {
  const hub = await HubServer.start(repositories);
  t.after(() => hub.close());
  const secretsRoot = await temporaryDirectory(t);
  await mkdir(`${secretsRoot}/hub`);
  const setToken = (text: string) => writeFile(`${secretsRoot}/hub/HF_TOKEN`, `${text}\n`);
  if (token !== undefined) await setToken(token);
  const access = { endpoint: hub.endpoint, secretRef: { name: "hub" } };
  const locations: Location[] = repositories.map(({ kind, name }) => ({
    uri: `hf://${kind === "datasets" ? "datasets/" : ""}${name}`,
    ...access,
  }));
  return { hub, setToken, stores: new Stores({ locations, secretsRoot, patience }) };
}

const uri = "hf://acme/model";

async function read(stores: Stores, at: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stores.of(at).stream(at)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe("a repository of the hub", () => {
  test("a repository is pinned to a commit, listed over pages with sizes and digests, and read", async (t) => {
    const { stores, hub } = await place(t);
    const pinned = await stores.pinned(uri, undefined);
    assert.equal(pinned.revision, HubServer.commitOf(model));
    assert.equal((await stores.pinned(uri, "refs/pr/1")).revision, pinned.revision);
    const listed = await stores.of(uri).list(pinned.uri);
    assert.deepEqual(
      listed.map(({ path, bytes: size, digest }) => [path, size, digest]),
      Object.entries(model.files)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([path, content]) => [path, content.length, content === large ? digestOf(large) : undefined]),
    );
    assert.deepEqual(await read(stores, `${pinned.uri}/model.safetensors`), large);
    assert.deepEqual(await read(stores, `${pinned.uri}/a dir/notes.txt`), bytes("words"));
    const range = await stores.of(uri).read(`${pinned.uri}/model.safetensors`, { start: 100_000, end: 100_010 });
    assert.deepEqual(Buffer.from(range), large.subarray(100_000, 100_010));
    assert.equal(await stores.of(uri).stat(`${pinned.uri}/none`), undefined);
    await assert.rejects(read(stores, `${pinned.uri}/none`), MissingFileError);
    assert.equal(hub.requests.filter(({ url }) => url.includes("/tree/")).length, 2, "a commit's tree is read once");
  });

  test("a repository of datasets is read by its own name, at main or at a revision", async (t) => {
    const data: HubRepository = { kind: "datasets", name: "acme/mails", files: { "data/train.jsonl": large } };
    const { stores } = await place(t, { repositories: [data] });
    for (const at of ["hf://datasets/acme/mails", "hf://datasets/acme/mails@v1"]) {
      assert.equal((await stores.of(at).stat(`${at}/data/train.jsonl`))?.bytes, large.length);
      assert.deepEqual(await read(stores, `${at}/data/train.jsonl`), large);
    }
  });

  test("the hub gets the token, and the host that it redirects to does not", async (t) => {
    const { stores, hub } = await place(t, { repositories: [{ ...model, token: "secret" }], token: "secret" });
    await read(stores, `${uri}/model.safetensors`);
    const [own, others] = [
      hub.requests.filter(({ at }) => at === "hub"),
      hub.requests.filter(({ at }) => at !== "hub"),
    ];
    assert.ok(own.length > 0 && others.length > 0);
    assert.deepEqual([...new Set(own.map(({ authorization }) => authorization))], ["Bearer secret"]);
    assert.deepEqual([...new Set(others.map(({ authorization }) => authorization))], [undefined]);
  });

  test("a repository is read with the token that the Secret holds at that time", async (t) => {
    const { stores, setToken } = await place(t, { repositories: [{ ...model, token: "new" }], token: "old" });
    await assert.rejects(read(stores, `${uri}/config.json`), { code: 20, reason: "AccessDenied" });
    await setToken("new");
    assert.deepEqual(await read(stores, `${uri}/config.json`), bytes("{}"));
  });

  test("the environment's mirror gets a saved token, and an endpoint that a manifest names does not", async (t) => {
    const { hub } = await place(t, { repositories: [{ ...model, token: "saved" }] });
    const home = await temporaryDirectory(t);
    await writeFile(`${home}/token`, "saved\n");
    const environment = { HF_TOKEN_PATH: `${home}/token`, HF_ENDPOINT: hub.endpoint };
    const at = (endpoint: string | undefined) =>
      new HubStore({ endpoint, credentials: new CredentialSource(undefined, environment), patience });
    assert.equal(await at(undefined).commitOf(uri), HubServer.commitOf(model));
    await assert.rejects(at(hub.endpoint).commitOf(uri), { code: 20, reason: "AccessDenied" });
    assert.deepEqual(
      hub.requests.map(({ authorization }) => authorization),
      ["Bearer saved", undefined],
    );
  });

  test("a repository that refuses access is reported with the fix and without the token", async (t) => {
    const gated: HubRepository = { ...model, name: "acme/gated", token: "right", gated: true };
    const { stores } = await place(t, { repositories: [model, gated], token: "wrong-token" });
    const refused = async (at: string, revision?: string) => {
      const error: unknown = await stores.pinned(at, revision).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof Error);
      assert.equal(error.message.includes("wrong-token"), false);
      return error;
    };
    const of = (error: Error) => ({ code: "code" in error && error.code, reason: "reason" in error && error.reason });
    const asked = await refused("hf://acme/gated");
    assert.deepEqual(of(asked), { code: 20, reason: "AccessGated" });
    assert.match(asked.message, /request access on the hub's page of acme\/gated.*HF_TOKEN/);
    assert.deepEqual(of(await refused(uri, "none")), { code: 20, reason: "RevisionMissing" });
    await assert.rejects(
      new Stores({
        locations: [{ uri: "hf://acme/none", endpoint: "http://127.0.0.1:9" }],
        patience: { ...patience, totalMs: 20 },
      }).pinned("hf://acme/none", "main"),
      { code: 24, reason: "StoreUnreachable" },
    );
  });

  test("a repository refuses writes", async (t) => {
    const { stores } = await place(t);
    assert.throws(() => stores.of(uri).write(`${uri}/x`, bytes("x")), { code: 20, reason: "ReadOnlyStore" });
  });
});

/** Each breaks the first two responses about the large file. */
const faults: [
  string,
  (times: number, response: Parameters<typeof sendContent>[0], content: Buffer, range?: string) => void,
][] = [
  ["a server that is busy", (_, response) => void response.writeHead(503, { "retry-after": "0" }).end("busy")],
  ["too many requests", (_, response) => void response.writeHead(429).end()],
  ["a connection that is reset", (_, response) => void response.destroy()],
  [
    "a connection that breaks in the middle",
    (times, response, content) => {
      response.writeHead(200, { "content-length": content.length, etag: '"e"' });
      response.write(content.subarray(0, 50_000 * times), () => response.destroy());
    },
  ],
  ["silence", () => {}],
  [
    "silence in the middle",
    (_, response, content) => {
      response.writeHead(200, { "content-length": content.length, etag: '"e"' });
      response.write(content.subarray(0, 100_000));
    },
  ],
];

describe("reading resumes after a fault", () => {
  for (const [what, breakIt] of faults) {
    test(`reading resumes after ${what}`, async (t) => {
      const { stores, hub } = await place(t);
      let times = 0;
      hub.fault = ({ at, range }, response, content) => {
        if (at !== "storage" || content === undefined || ++times > 2) return false;
        const [, first] = /^bytes=(\d+)-/.exec(range ?? "") ?? [];
        if (first === undefined) breakIt(times, response, content, range);
        else response.destroy();
        return true;
      };
      assert.deepEqual(await read(stores, `${uri}/model.safetensors`), large);
      assert.ok(times > 2);
      const ranges = hub.requests.flatMap(({ at, range }) => (at === "storage" && range ? [range] : []));
      // The received bytes are not requested again.
      if (/middle/.test(what)) assert.ok(ranges.length > 0 && !ranges.includes("bytes=0-"), ranges.join());
    });
  }
});

describe("the reader refuses invalid answers of the hub", () => {
  const broken =
    (answer: (response: Parameters<typeof sendContent>[0], content: Buffer, range?: string) => void) =>
    async (t: TestContext) => {
      const { stores, hub } = await place(t);
      hub.fault = ({ at, range }, response, content) => {
        if (at !== "storage" || content === undefined) return false;
        answer(response, content, range);
        return true;
      };
      return read(stores, `${uri}/model.safetensors`);
    };

  test("a file with a changed byte fails with DigestMismatch", async (t) => {
    const other = Buffer.from(large);
    other[150_000]! ^= 1;
    const reading = broken((response, _, range) => sendContent(response, other, range, '"e"'))(t);
    await assert.rejects(reading, { code: 23, reason: "DigestMismatch" });
  });

  test("a short file whose answer declares its own length fails with DigestMismatch", async (t) => {
    const reading = broken((response, content) => sendContent(response, content.subarray(0, 1000), undefined, '"e"'))(
      t,
    );
    await assert.rejects(reading, { code: 23, reason: "DigestMismatch" });
  });

  test("content that changes between two parts fails with InputChanged", async (t) => {
    let times = 0;
    const reading = broken((response, content) => {
      if (++times > 1) return void response.writeHead(412).end();
      response.writeHead(200, { "content-length": content.length, etag: '"one"' });
      response.write(content.subarray(0, 9000), () => response.destroy());
    })(t);
    await assert.rejects(reading, { code: 23, reason: "InputChanged" });
  });

  test("a redirect with user information, to another scheme than HTTP, or in a circle fails with StoreUnsuitable", async (t) => {
    for (const location of [
      "http://user:pass@127.0.0.1/x",
      "file:///etc/passwd",
      "ftp://127.0.0.1/x",
      "/acme/model/resolve/x",
    ]) {
      const { stores, hub } = await place(t);
      hub.fault = ({ url }, response) => {
        if (!url.includes("/resolve/")) return false;
        response.writeHead(302, { location }).end();
        return true;
      };
      await assert.rejects(read(stores, `${uri}/model.safetensors`), { code: 24, reason: "StoreUnsuitable" });
    }
  });

  test("a list that continues at another host, or is invalid, fails with StoreUnsuitable", async (t) => {
    for (const [link, body] of [
      ['<http://other.example/x>; rel="next"', "[]"],
      ["", '{"no":"list"}'],
    ] as const) {
      const { stores, hub } = await place(t, { token: "secret" });
      hub.fault = ({ url }, response) => {
        if (!url.includes("/tree/")) return false;
        response.writeHead(200, { link }).end(body);
        return true;
      };
      await assert.rejects(stores.of(uri).list(uri), { code: 24, reason: "StoreUnsuitable" });
    }
  });

  test("an unreachable hub is named by the error with the number of tries", async (t) => {
    const { stores, hub } = await place(t);
    hub.fault = (_, response) => {
      response.writeHead(500).end("out of order");
      return true;
    };
    const failure = {
      code: 24,
      reason: "StoreUnreachable",
      message: /hf:\/\/acme\/model.*500 out of order.*tried \d+ times/,
    };
    await assert.rejects(stores.of(uri).list(uri), failure);
  });
});
