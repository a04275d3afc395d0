import assert from "node:assert/strict";
import type { RequestListener } from "node:http";
import { test } from "node:test";
import { fineTuneRuns } from "../api/kinds.ts";
import { Client } from "../runtime/client.ts";
import { StaleError } from "../runtime/errors.ts";
import { aBatchJob, aPinnedJob, aRun } from "../testing/builders.ts";
import { withServer } from "../testing/server.ts";
import { type Created, createJobOf } from "./create.ts";

const run = aRun(aPinnedJob());
const status = (code: number, reason: string, message: string) => ({ kind: "Status", code, reason, message });

/** Creates a Job of `run` on a server that has `owner` and answers the creation with `code` and `body`. */
async function create(
  owner: object | undefined,
  [code, body]: [number, object],
): Promise<{ created?: Created; error?: unknown; posts: number }> {
  let posts = 0;
  const listener: RequestListener = (request, response) => {
    if (request.method === "GET") response.writeHead(owner ? 200 : 404).end(JSON.stringify(owner ?? {}));
    else {
      posts++;
      response.writeHead(code).end(JSON.stringify(body));
    }
  };
  let result: { created?: Created; error?: unknown } = {};
  await withServer(listener, async (transport) => {
    result = await createJobOf(new Client(transport), fineTuneRuns, run, aBatchJob()).then(
      (created) => ({ created }),
      (error: unknown) => ({ error }),
    );
  });
  return { ...result, posts };
}

test("a decision on the newest owner creates the Job", async () => {
  const { created, posts } = await create(run, [201, aBatchJob()]);
  assert.deepEqual([created?.kind, posts], ["Created", 1]);
});

const changed = { ...run, metadata: { ...run.metadata, resourceVersion: "2" } };
const another = { ...run, metadata: { ...run.metadata, uid: "other" } };
for (const [name, owner] of [
  ["has changed", changed],
  ["was made anew", another],
  ["is gone", undefined],
] as const) {
  test(`an owner that ${name} creates nothing, and is reconciled again`, async () => {
    const { error, posts } = await create(owner, [201, aBatchJob()]);
    assert.ok(error instanceof StaleError);
    assert.equal(posts, 0);
  });
}

test("an existing Job counts as success", async () => {
  const { created } = await create(run, [409, status(409, "AlreadyExists", "exists")]);
  assert.equal(created?.kind, "Exists");
});

test("a rejection by the API server is reported with its message", async () => {
  const quota = status(403, "Forbidden", "exceeded quota: none");
  const { created } = await create(run, [403, quota]);
  assert.ok(created?.kind === "Refused");
  assert.match(
    created.state.message,
    /exceeded quota: none\. Fix the cause that it names; the operator retries every minute\.$/,
  );
});

test("a namespace that is being deleted, and a failing server, are errors", async () => {
  const ending = status(403, "Forbidden", "x is forbidden: because it is being terminated");
  for (const answer of [
    [403, ending],
    [500, {}],
  ] as [number, object][])
    assert.ok((await create(run, answer)).error);
});
