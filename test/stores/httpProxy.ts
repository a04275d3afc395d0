/** tinyproxy, a forward proxy of the distribution, for tests of connections through one. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { temporaryDirectory } from "../../trainer/testing/temporary.ts";
import { debianProgram } from "../support/debianProgram.ts";
import { freePort } from "./gateway.ts";

export interface HttpProxy {
  readonly url: string;
  /** The requests so far: method and URL, or host and port of a tunnel. */
  requests(): string[];
}

export async function startProxy(t: TestContext): Promise<HttpProxy> {
  const program = await debianProgram("tinyproxy-bin", "tinyproxy");
  const directory = await temporaryDirectory(t);
  const port = await freePort("127.0.0.1");
  const [file, log] = [path.join(directory, "proxy.conf"), path.join(directory, "log")];
  const settings = [`Port ${port}`, "Listen 127.0.0.1", "Timeout 60", `LogFile "${log}"`, "LogLevel Connect"];
  writeFileSync(file, `${settings.join("\n")}\n`);
  const proxy = spawn(program, ["-d", "-c", file], { stdio: ["ignore", "ignore", "inherit"] });
  t.after(() => proxy.kill("SIGKILL"));
  const logged = () => (existsSync(log) ? readFileSync(log, "utf8") : "");
  const url = `http://127.0.0.1:${port}`;
  const listens = () =>
    fetch(url).then(
      () => true,
      () => false,
    );
  for (let tries = 0; !(await listens()); tries++, await sleep(50)) {
    if (tries === 200 || proxy.exitCode !== null) throw new Error(`the proxy did not start: ${logged()}`);
  }
  const requests = () =>
    [...logged().matchAll(/Request \(file descriptor \d+\): (\S+ \S+)/g)].map(([, one = ""]) => one);
  return { url, requests };
}
