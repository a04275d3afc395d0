/**
 * Runs a real S3 server for tests: versitygw over a directory, built from a pinned Go module (programs/) into the cache, with
 * one bucket and one account.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { buildGoPrograms } from "../../tools/setup/goPrograms.ts";
import { CredentialSource } from "../../trainer/stores/credentials.ts";
import { usualPatience } from "../../trainer/stores/http.ts";
import { S3Requests } from "../../trainer/stores/s3Requests.ts";

const directoryOfModule = fileURLToPath(new URL("programs", import.meta.url));

/** Path of the server's program. The first build takes a minute. */
async function buildGateway(): Promise<string> {
  return path.join(await buildGoPrograms({ kind: "gateway", directory: directoryOfModule }, () => {}), "versitygw");
}

export interface Gateway {
  endpoint: string;
  bucket: string;
  /** A directory like those of mounted Secrets: `s3` has the keys of the account. */
  secretsRoot: string;
  /** The directory behind the bucket. */
  directory: string;
  stop(): Promise<void>;
}

/** The account, under the names of a Secret's keys. */
export const account = {
  AWS_ACCESS_KEY_ID: "luthier",
  AWS_SECRET_ACCESS_KEY: "a-secret-of-a-test",
  AWS_REGION: "eu-west-1",
};

/** Listens on `host`; stores everything below `directory`. */
export async function startGateway(directory: string, host = "127.0.0.1"): Promise<Gateway> {
  const program = await buildGateway();
  const [root, sidecar] = [path.join(directory, "buckets"), path.join(directory, "metadata")];
  for (const one of [root, sidecar]) mkdirSync(one, { recursive: true });
  const port = await freePort(host);
  const args = [
    "--port",
    `${host}:${port}`,
    "--region",
    account.AWS_REGION,
    "--quiet",
    "posix",
    "--sidecar",
    sidecar,
    root,
  ];
  const process_ = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"], env: environment() });
  const endpoint = `http://${host}:${port}`;
  const bucket = "artifacts";
  await untilItListens(endpoint, process_);
  const secretsRoot = path.join(directory, "secrets");
  mkdirSync(path.join(secretsRoot, "s3"), { recursive: true });
  for (const [name, value] of Object.entries(account)) writeFileSync(path.join(secretsRoot, "s3", name), value);
  await makeBucket(endpoint, bucket, path.join(secretsRoot, "s3"));
  return { endpoint, bucket, secretsRoot, directory: path.join(root, bucket), stop: () => ended(process_) };
}

const environment = () => ({
  ...process.env,
  ROOT_ACCESS_KEY: account.AWS_ACCESS_KEY_ID,
  ROOT_SECRET_KEY: account.AWS_SECRET_ACCESS_KEY,
});

export async function freePort(host: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}

async function untilItListens(endpoint: string, server: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200; tries++, await sleep(50)) {
    if (server.exitCode !== null) break;
    if (
      await fetch(endpoint).then(
        () => true,
        () => false,
      )
    )
      return;
  }
  throw new Error("the S3 server did not start");
}

async function makeBucket(endpoint: string, bucket: string, secret: string): Promise<void> {
  const credentials = new CredentialSource(secret);
  await new S3Requests({ bucket, endpoint, credentials, patience: usualPatience }).call({ method: "PUT" }, [200]);
}

async function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return;
  const gone = new Promise((resolve) => server.on("exit", resolve));
  server.kill("SIGKILL");
  await gone;
}
