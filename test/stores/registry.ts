/**
 * Runs real OCI registries for tests: Debian's docker-registry (CNCF's distribution), which asks for a password or for tokens, and
 * olareg, built from a pinned Go module (registries/), which lists referrers. A small server gives the tokens.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createPrivateKey, type KeyObject, randomUUID, sign } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { run } from "../../terminal/runProgram.ts";
import { buildGoPrograms } from "../../tools/setup/goPrograms.ts";
import { debianProgram } from "../support/debianProgram.ts";
import { freePort } from "./gateway.ts";

const directoryOfModule = fileURLToPath(new URL("registries", import.meta.url));

/** Path of olareg. The first build takes seconds. */
async function buildOlareg(): Promise<string> {
  return path.join(await buildGoPrograms({ kind: "olareg", directory: directoryOfModule }, () => {}), "olareg");
}

export interface RunningRegistry {
  /** `HOST:PORT`. */
  host: string;
  endpoint: string;
  stop(): Promise<void>;
}

/** The login, and the file that `htpasswd` makes of it. */
export const login = { username: "luthier", password: "a-password-of-a-test" };
const hashedPassword = "$2b$04$abcdefghijklmnopqrstuubJt1aM5AIDJXM6RjakIETGMnkFzYyY.";

/** Docker's configuration with this login. */
export const dockerConfig = (host: string, { username, password } = login) =>
  JSON.stringify({ auths: { [host]: { auth: Buffer.from(`${username}:${password}`).toString("base64") } } });

/** Starts distribution with files in `directory`; with a token service it takes that service's tokens, else the login. */
export async function startDistribution(
  directory: string,
  { host = "127.0.0.1", tokens }: { host?: string; tokens?: TokenService } = {},
): Promise<RunningRegistry> {
  mkdirSync(directory, { recursive: true });
  const users = path.join(directory, "htpasswd");
  writeFileSync(users, `${login.username}:${hashedPassword}\n`);
  const port = await freePort(host);
  const auth = tokens
    ? { token: { realm: tokens.url, service: "registry", issuer: "tests", rootcertbundle: tokens.certificate } }
    : { htpasswd: { realm: "tests", path: users } };
  const configuration = {
    version: "0.1",
    log: { level: "error", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: path.join(directory, "data") }, delete: { enabled: true } },
    http: { addr: `${host}:${port}`, secret: "of-a-test" },
    auth,
  };
  const file = path.join(directory, "config.yml");
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(configuration));
  return await started(await debianProgram("docker-registry", "docker-registry"), ["serve", file], `${host}:${port}`);
}

export async function startOlareg(directory: string, host = "127.0.0.1"): Promise<RunningRegistry> {
  mkdirSync(directory, { recursive: true });
  const port = await freePort(host);
  const args = ["serve", "--dir", directory, "--addr", host, "--port", `${port}`, "--verbosity", "error"];
  return await started(await buildOlareg(), args, `${host}:${port}`);
}

async function started(program: string, args: string[], host: string): Promise<RunningRegistry> {
  const server = spawn(program, args, { stdio: "ignore" });
  const endpoint = `http://${host}`;
  for (let tries = 0; tries < 200; tries++, await sleep(50)) {
    if (server.exitCode !== null) break;
    const listens = await fetch(`${endpoint}/v2/`).then(
      () => true,
      () => false,
    );
    if (listens) return { host, endpoint, stop: () => ended(server) };
  }
  await ended(server);
  throw new Error(`${path.basename(program)} did not start`);
}

async function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return;
  const gone = new Promise((resolve) => server.on("exit", resolve));
  server.kill("SIGKILL");
  await gone;
}

export interface TokenService {
  url: string;
  /** File of the certificate that tokens are verified with. */
  certificate: string;
  /** Seconds until new tokens expire; the registry accepts them for a further minute. */
  lifetime: number;
  /** The scopes of the tokens given so far. */
  given: string[];
  close(): void;
}

/** Gives tokens to the login, signed as distribution verifies them. */
/** Gives tokens to the login, signed as distribution verifies them; its key lies in `directory`. */
export async function startTokenService(directory: string): Promise<TokenService> {
  const [certificate, key] = [path.join(directory, "tokens.crt"), path.join(directory, "tokens.key")];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  await run("openssl", ["req", "-x509", ...curve, "-subj", "/CN=tests", "-keyout", key, "-out", certificate]);
  const signer = { privateKey: createPrivateKey(readFileSync(key)), chain: [derOf(readFileSync(certificate, "utf8"))] };
  const server: Server = createServer((request, response) => {
    const wanted = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString("base64")}`;
    if (request.headers.authorization !== wanted) return void response.writeHead(401).end("wrong login");
    const scope = new URL(request.url ?? "/", "http://service").searchParams.get("scope") ?? "";
    service.given.push(scope);
    response.end(JSON.stringify({ token: tokenFor(scope, service.lifetime, signer) }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  const service: TokenService = { url, certificate, lifetime: 300, given: [], close: () => server.close() };
  return service;
}

/** The content of a PEM file, in base 64. */
const derOf = (pem: string) => pem.replace(/-----[A-Z ]+-----|\s/g, "");

function tokenFor(scope: string, lifetime: number, { privateKey, chain }: { privateKey: KeyObject; chain: string[] }) {
  const [type = "", name = "", actions = ""] = scope.split(":");
  const now = Math.floor(Date.now() / 1000);
  const access = [{ type, name, actions: actions.split(",") }];
  const about = { iss: "tests", aud: "registry", sub: login.username, jti: randomUUID(), access };
  const claims = { ...about, nbf: now - 120, iat: now - 120, exp: now + lifetime };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "ES256", typ: "JWT", x5c: chain })}.${part(claims)}`;
  const signature = sign("sha256", Buffer.from(signed), { key: privateKey, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}
