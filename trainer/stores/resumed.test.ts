import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { exchange } from "./http.ts";
import { resumed } from "./resumed.ts";
import type { ByteRange } from "./store.ts";

const content = Buffer.from(Uint8Array.from({ length: 1000 }, (_, index) => index));
const patience = { totalMs: 500, firstPauseMs: 1, longestPauseMs: 5, silenceMs: 500 };

type Respond = (response: ServerResponse, range: string | undefined) => void;

/** Reads a file from a server with these answers; `asked` has the requested ranges. */
async function read(t: TestContext, range: ByteRange | undefined, respond: Respond) {
  const asked: (string | undefined)[] = [];
  const server = createServer(({ headers }, response) => {
    asked.push(headers.range);
    respond(response, headers.range);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close().closeAllConnections());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/f`;
  const get = (headers: Record<string, string>) => exchange({ url, headers }, patience);
  const chunks: Uint8Array[] = [];
  for await (const chunk of resumed({ uri: "s3://b/f", patience, range, get })) chunks.push(chunk);
  return { bytes: Buffer.concat(chunks), asked };
}

const whole: Respond = (response) => response.writeHead(200, { "content-length": content.length }).end(content);

/** A response 206 that announces a range and sends `bytes`; without a length, like a streaming proxy. */
const part =
  (extent: string, bytes: Buffer): Respond =>
  (response) =>
    response.writeHead(206, { "content-range": `bytes ${extent}` }).end(bytes);

describe("a range is read completely", () => {
  test("a store that sends exactly the range is asked once", async (t) => {
    const { bytes, asked } = await read(t, { start: 10, end: 20 }, part("10-19/1000", content.subarray(10, 20)));
    assert.deepEqual(bytes, content.subarray(10, 20));
    assert.deepEqual(asked, ["bytes=10-19"]);
  });

  test("a store without ranges is read when the file is no longer than the range", async (t) => {
    assert.deepEqual((await read(t, { start: 0, end: 1000 }, whole)).bytes, content);
  });

  test("a connection that breaks in the middle is resumed at the first missing byte", async (t) => {
    const { bytes, asked } = await read(t, { start: 10, end: 20 }, (response, range) => {
      if (range !== "bytes=10-19") return part("13-19/1000", content.subarray(13, 20))(response, range);
      response.writeHead(206, { "content-range": "bytes 10-19/1000", "content-length": 10 });
      response.write(content.subarray(10, 13), () => response.destroy());
    });
    assert.deepEqual(bytes, content.subarray(10, 20));
    assert.deepEqual(asked, ["bytes=10-19", "bytes=13-19"]);
  });

  test("an empty range is read without a request", async (t) => {
    assert.deepEqual(await read(t, { start: 5, end: 5 }, whole), { bytes: Buffer.alloc(0), asked: [] });
  });
});

describe("a response with a different range is an error and is not retried", () => {
  const unsuitable = {
    code: 24,
    reason: "StoreUnsuitable",
    message: /s3:\/\/b\/f: the store does not support range requests/,
  };
  const short = { code: 23, reason: "FileShort" };
  const cases: [string, ByteRange, Respond, object][] = [
    ["the whole file", { start: 0, end: 8 }, whole, unsuitable],
    ["the file from there to its end", { start: 10, end: 20 }, part("10-999/1000", content.subarray(10)), unsuitable],
    ["another part", { start: 10, end: 20 }, part("0-9/1000", content.subarray(0, 10)), unsuitable],
    ["more than it announces", { start: 10, end: 20 }, part("10-19/1000", content.subarray(10)), unsuitable],
    ["less, since the file ends", { start: 990, end: 1010 }, part("990-999/1000", content.subarray(990)), short],
    [
      "nothing, since the file ends before",
      { start: 2000, end: 2010 },
      (response) => response.writeHead(416, { "content-range": "bytes */1000" }).end(),
      { ...short, message: /ends at byte 1000, 2010 expected/ },
    ],
  ];
  for (const [what, range, respond, failure] of cases) {
    test(`reading fails and does not retry: ${what}`, async (t) => {
      let times = 0;
      const once: Respond = (response, asked) => {
        times++;
        respond(response, asked);
      };
      await assert.rejects(read(t, range, once), failure);
      assert.equal(times, 1);
    });
  }
});

test("a file with a different length after a break is reported as changed", async (t) => {
  const respond: Respond = (response, range) => {
    if (range !== undefined) return part("3-899/900", content.subarray(3, 900))(response, range);
    response.writeHead(200, { "content-length": 1000 });
    response.write(content.subarray(0, 3), () => response.destroy());
  };
  await assert.rejects(read(t, undefined, respond), { code: 23, reason: "InputChanged" });
});

test("an empty file is read", async (t) => {
  const { bytes } = await read(t, undefined, (response) => response.writeHead(200, { "content-length": 0 }).end());
  assert.equal(bytes.length, 0);
});
