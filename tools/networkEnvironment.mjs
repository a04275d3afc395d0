// Passes the environment's certificates and proxies to every program in the variables that it reads. Programs read different
// variables (npm NODE_EXTRA_CA_CERTS, pip PIP_CERT, Go and buildah SSL_CERT_FILE; apt only the proxies' lower-case names), so
// a single variable set by the user would reach only some of them.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";

const certificateVariables = [
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
  "PIP_CERT",
  "REQUESTS_CA_BUNDLE",
  "CURL_CA_BUNDLE",
  "GIT_SSL_CAINFO",
];
const proxyVariables = ["http_proxy", "https_proxy", "no_proxy"];
const systemCertificates = "/etc/ssl/certs/ca-certificates.crt";

/** The variables to add to `env`; none without a certificate or a proxy. */
export function networkEnvironment(env) {
  return { ...certificates(env), ...proxies(env) };
}

/** One file with the named certificates and those of the system, because most programs trust only one file. */
function certificates(env) {
  const named = certificateVariables.filter((name) => env[name] && !isDirectory(env[name]));
  const files = [...new Set(named.map((name) => readable(name, env[name])))];
  if (files.length === 0) return {};
  const bundle = bundleOf([...new Set([...files, systemCertificates])].filter(existsSync));
  return Object.fromEntries(certificateVariables.map((name) => [name, bundle]));
}

function isDirectory(file) {
  return statSync(file, { throwIfNoEntry: false })?.isDirectory() === true;
}

function readable(variable, file) {
  try {
    readFileSync(file);
    return path.resolve(file);
  } catch (error) {
    throw new Error(`${variable} names ${file}, which cannot be read (${error.code}): fix or unset ${variable}`);
  }
}

function bundleOf(files) {
  if (files.length === 1) return files[0];
  const text = files.map((file) => `${readFileSync(file, "utf8").trimEnd()}\n`).join("");
  const digest = createHash("sha256").update(text).digest("hex").slice(0, 16);
  const bundle = path.join(cacheRoot(), "certificates", `${digest}.pem`);
  if (!existsSync(bundle)) {
    mkdirSync(path.dirname(bundle), { recursive: true });
    writeFileSync(`${bundle}.${process.pid}`, text);
    renameSync(`${bundle}.${process.pid}`, bundle);
  }
  return bundle;
}

/** The same as in setup/cache.ts, which an older Node cannot run. */
function cacheRoot() {
  const { LUTHIER_CACHE, XDG_CACHE_HOME } = process.env;
  return LUTHIER_CACHE
    ? path.resolve(LUTHIER_CACHE)
    : path.join(XDG_CACHE_HOME || path.join(homedir(), ".cache"), "luthier");
}

function proxies(env) {
  const pairs = proxyVariables.flatMap((lower) => {
    const upper = lower.toUpperCase();
    const value = env[lower] || env[upper];
    return value ? [lower, upper].filter((name) => !env[name]).map((name) => [name, value]) : [];
  });
  return Object.fromEntries(pairs);
}
