import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { withServer } from "../testing/server.ts";
import { Client } from "./client.ts";
import type { KubeObject, Resource } from "./objects.ts";
import { Reflector } from "./reflector.ts";
import { Store } from "./store.ts";

const things: Resource<KubeObject> = { group: "test", version: "v1", plural: "things", kind: "Thing" };
const thing = (name: string, resourceVersion: string) => ({ metadata: { name, namespace: "ns", resourceVersion } });
const event = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`;

type Watch = (query: URLSearchParams, response: ServerResponse) => void;
const quiet: Watch = (_, response) => response.writeHead(200).flushHeaders();

/** A reflector of a server that returns `lists` in turn and the given watches in turn, the last one repeatedly. */
async function reflect(
  lists: readonly (readonly object[])[],
  watches: readonly Watch[],
  until: (store: Store<KubeObject>, watches: number) => boolean,
  silenceMs = 90_000,
): Promise<{ names: string[]; watchedFrom: string[]; lists: number }> {
  const watchedFrom: string[] = [];
  let listed = 0;
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    const query = new URL(request.url ?? "", "http://x").searchParams;
    if (query.get("watch") !== "true") {
      const items = lists[Math.min(listed++, lists.length - 1)];
      response.end(JSON.stringify({ metadata: { resourceVersion: `${listed * 100}` }, items }));
      return;
    }
    const index = watchedFrom.push(query.get("resourceVersion") ?? "") - 1;
    watches[Math.min(index, watches.length - 1)]?.(query, response);
  };
  const store = new Store<KubeObject>({});
  await withServer(listener, async (transport) => {
    const log = pino({ level: "silent" });
    const reflector = new Reflector({ client: new Client(transport), resource: things, store, silenceMs, log });
    const stop = new AbortController();
    const running = reflector.run(stop.signal);
    await reflector.synced;
    for (let waited = 0; !until(store, watchedFrom.length) && waited < 5_000; waited += 20) await sleep(20);
    stop.abort();
    await running;
  });
  return {
    names: store
      .values()
      .map(({ metadata }) => metadata.name)
      .sort(),
    watchedFrom,
    lists: listed,
  };
}

test("a cut watch resumes from its last version without a new list", async () => {
  const cut: Watch = (_, response) => {
    response.write(event("ADDED", thing("b", "101")));
    response.write(event("BOOKMARK", { metadata: { resourceVersion: "150" } }), () => response.destroy());
  };
  const rest: Watch = (_, response) => response.write(event("ADDED", thing("c", "151")));
  const result = await reflect([[thing("a", "1")]], [cut, rest], (store) => store.size === 3);
  assert.deepEqual(result, { names: ["a", "b", "c"], watchedFrom: ["100", "150"], lists: 1 });
});

test("410 Gone causes one new list, which deletes missing objects", async () => {
  const gone: Watch = (_, response) => response.end(event("ERROR", { kind: "Status", code: 410, reason: "Expired" }));
  const result = await reflect(
    [[thing("a", "1"), thing("b", "2")], [thing("b", "2")]],
    [gone, quiet],
    (store) => store.size === 1,
  );
  assert.deepEqual(result.names, ["b"]);
  assert.equal(result.lists, 2);
});

test("a cut frame is ignored and arrives again", async () => {
  const torn: Watch = (_, response) => response.end('{"type":"ADDED","object":{"metadata":{"na\n');
  const whole: Watch = (_, response) => response.write(event("ADDED", thing("b", "101")));
  const result = await reflect([[thing("a", "1")]], [torn, whole], (store) => store.size === 2);
  assert.deepEqual(result.names, ["a", "b"]);
  assert.deepEqual(result.watchedFrom.slice(0, 2), ["100", "100"]);
});

test("a deleted object leaves the store", async () => {
  const watch: Watch = (_, response) => response.write(event("DELETED", thing("a", "101")));
  const result = await reflect([[thing("a", "1"), thing("b", "2")]], [watch], (store) => store.size === 1);
  assert.deepEqual(result.names, ["b"]);
});

test("a watch that is silent for too long counts as broken and is resumed", async () => {
  const news: Watch = (_, response) => response.write(event("ADDED", thing("b", "101")));
  const result = await reflect([[thing("a", "1")]], [quiet, news], (store) => store.size === 2, 100);
  assert.deepEqual(result, { names: ["a", "b"], watchedFrom: ["100", "100"], lists: 1 });
});

test("the reflector waits while a server is busy, without a new list", async () => {
  const busy: Watch = (_, response) => response.writeHead(503).end();
  const news: Watch = (_, response) => response.write(event("ADDED", thing("b", "101")));
  const result = await reflect([[thing("a", "1")]], [busy, busy, news], (store) => store.size === 2);
  assert.deepEqual(result, { names: ["a", "b"], watchedFrom: ["100", "100", "100"], lists: 1 });
});

test("a watch that the server rejects causes a new list", async () => {
  const refused: Watch = (_, response) => response.writeHead(403).end();
  const lists = [[thing("a", "1")], [thing("b", "2")]];
  const result = await reflect(lists, [refused, quiet], (_, watches) => watches === 2);
  assert.deepEqual(result, { names: ["b"], watchedFrom: ["100", "200"], lists: 2 });
});

test("the reflector backs off if watches end at once without an event", async () => {
  const empty: Watch = (_, response) => response.end();
  const started = performance.now();
  const result = await reflect([[thing("a", "1")]], [empty], (_, watches) => watches === 4);
  assert.equal(result.lists, 1);
  // At least half of 200, 400 and 800 ms.
  assert.ok(performance.now() - started >= 700);
});

test("a paginated list is one list, complete with its last page", async () => {
  const asked: (string | null)[] = [];
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    const query = new URL(request.url ?? "", "http://x").searchParams;
    if (query.get("watch") === "true") return quiet(query, response);
    asked.push(query.get("continue"));
    const last = query.get("continue") === "next";
    const metadata = { resourceVersion: "7", ...(last ? {} : { continue: "next" }) };
    response.end(JSON.stringify({ metadata, items: [thing(last ? "b" : "a", "1")] }));
  };
  const store = new Store<KubeObject>({});
  const stop = new AbortController();
  await withServer(listener, async (transport) => {
    const log = pino({ level: "silent" });
    const reflector = new Reflector({ client: new Client(transport), resource: things, store, log });
    const running = reflector.run(stop.signal);
    await reflector.synced;
    assert.equal(store.size, 2);
    stop.abort();
    await running;
  });
  assert.deepEqual(asked, [null, "next"]);
});
