/** Unreachable hubs, as a user sees them on a terminal. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { exitCode } from "../trainer/contract/exitCodes.ts";
import { temporaryDirectory } from "../trainer/testing/temporary.ts";

test("luthier reports an unresolvable hub at once, and Ctrl-C ends the retries", async (t) => {
  const directory = await temporaryDirectory(t);
  writeFileSync(`${directory}/rows.jsonl`, '{"text":"a"}\n');
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const child = spawn(process.execPath, [main, "data", `${directory}/rows.jsonl`, "--model", "hf://acme/tiny"], {
    env: { ...process.env, HF_ENDPOINT: "https://hub.invalid", NO_PROXY: "*" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  t.after(() => child.kill("SIGKILL"));
  let text = "";
  const reported = new Promise<void>((resolve) => {
    child.stderr.on("data", (chunk) => {
      text += chunk;
      if (text.includes("retrying")) resolve();
    });
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  await reported;
  child.kill("SIGINT");
  assert.equal(await ended, exitCode.stopped, text);
  assert.match(text, /hf:\/\/acme\/tiny@?.*: no answer from hub\.invalid: getaddrinfo .*; retrying for up to 180 s/);
});
