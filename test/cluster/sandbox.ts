// The namespaces of a cluster (mount, network, process ids), held by one process on the machine: see sandbox.sh.
// A cluster runs exactly as long as that process; it is found by its command line, so no pid file can be stale.
// When it ends, the kernel ends everything inside, whatever state the cluster was in. Only control groups, which are not
// namespaced, and directories on disk must be removed by our code.

import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { CommandError, type CommandResult, run } from "../../terminal/runProgram.ts";
import { forgetControllers, makeCgroup, removeCgroup, removeLeftCgroups } from "./cgroups.ts";
import { KUBELET_SYSCTLS } from "./configuration.ts";
import { CLUSTER_LIMIT, type Network, networkOf, type Paths } from "./layout.ts";
import { inTurn } from "./lock.ts";

const SCRIPT = fileURLToPath(new URL("sandbox.sh", import.meta.url));
/** Mount points that must exist on the machine; missing ones are created with a marker, and removed with the last cluster. */
const MOUNT_POINTS = ["/var/lib/kubelet", "/var/lib/cni"];
/** Held while the shared parts of all clusters are created or removed, to serialise starting and stopping clusters. */
const SHARED_LOCK = "/run/lock/luthier-test-clusters";
const MARKER = ".made-for-luthier-test-cluster";
const CLEAN_ENVIRONMENT = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root" };

/** A running sandbox; `pid` is its first process in the machine's numbering. */
export interface Sandbox {
  readonly pid: number;
  readonly state: string;
}

/** All sandboxes on this machine, of all checkouts. */
export function runningSandboxes(): Sandbox[] {
  const found: Sandbox[] = [];
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const [shell, script, state, ...rest] = readProc(`/proc/${entry}/cmdline`).split("\0");
    if (!shell?.endsWith("bash") || path.basename(script ?? "") !== "sandbox.sh" || !state || rest.join("") !== "")
      continue;
    if (isFirstOfItsNamespace(entry)) found.push({ pid: Number(entry), state });
  }
  return found;
}

export function findSandbox(state: string): Sandbox | undefined {
  return runningSandboxes().find((sandbox) => sandbox.state === state);
}

/** Starts the namespaces and the network link to them. The state directory must not be in use. */
export async function startSandbox(paths: Paths): Promise<{ sandbox: Sandbox; network: Network }> {
  for (const name of ["logs", "var-log", "kubelet", "cni", "sysctl"]) {
    mkdirSync(path.join(paths.state, name), { recursive: true });
  }
  for (const [name, value] of Object.entries(KUBELET_SYSCTLS)) {
    writeFileSync(path.join(paths.state, "sysctl", name), `${value}\n`);
  }
  return inTurn(SHARED_LOCK, async () => {
    for (const directory of MOUNT_POINTS) makeMountPoint(directory);
    const sandbox = await launch(paths);
    const network = await connect(sandbox);
    writeFileSync(paths.network, JSON.stringify({ index: network.index }));
    makeCgroup(network.cgroup);
    return { sandbox, network };
  });
}

/** Ends everything inside, then removes the parts that are not namespaced. Does nothing if nothing is left. */
export async function stopSandbox(paths: Paths): Promise<void> {
  const sandbox = findSandbox(paths.state);
  if (sandbox !== undefined) await kill(sandbox.pid);
  const network = readNetwork(paths);
  if (network !== undefined && !isTaken(network, paths)) {
    if (existsSync(`/sys/class/net/${network.hostInterface}`)) await removeLink(network.hostInterface);
    await removeCgroup(network.cgroup);
  }
  await inTurn(SHARED_LOCK, async () => {
    if (runningSandboxes().length > 0) return;
    for (const directory of MOUNT_POINTS) removeMountPoint(directory);
    await removeLeftCgroups(/^luthier\d+$/);
    forgetControllers();
  });
}

/** Another running cluster may have taken the number of a killed cluster. */
function isTaken({ index }: Network, { state }: Paths): boolean {
  return runningSandboxes().some(
    (other) =>
      other.state !== state && readNetwork({ network: path.join(other.state, "network.json") })?.index === index,
  );
}

export function readNetwork(paths: Pick<Paths, "network">): Network | undefined {
  if (!existsSync(paths.network)) return undefined;
  const stored: unknown = JSON.parse(readFileSync(paths.network, "utf8"));
  if (typeof stored !== "object" || stored === null || !("index" in stored) || typeof stored.index !== "number")
    return undefined;
  return networkOf(stored.index);
}

/** Runs a command inside to its end. */
export function runInside(sandbox: Sandbox, command: string, args: readonly string[]): Promise<CommandResult> {
  return run("nsenter", [...entry(sandbox), command, ...args], { env: CLEAN_ENVIRONMENT });
}

/** Starts a program inside that outlives this process; its output goes to `log`. Calls back if it ends while we live. */
export function spawnInside(
  sandbox: Sandbox,
  command: string,
  args: readonly string[],
  log: string,
  onExit: (status: string) => void = () => {},
): void {
  const output = openSync(log, "a");
  const child = spawn("nsenter", [...entry(sandbox), command, ...args], {
    cwd: "/",
    env: CLEAN_ENVIRONMENT,
    detached: true,
    stdio: ["ignore", output, output],
  });
  child.on("error", (error) => onExit(error.message));
  child.on("exit", (code, signal) => onExit(signal ?? `exit status ${code}`));
  child.unref();
}

/**
 * Sends a signal to a program that spawnInside started. nsenter waits for it outside, stops when it stops, and resumes it when
 * nsenter itself resumes: a stopped nsenter would keep the sandbox from ending, so both get SIGCONT.
 */
export function signalInside(sandbox: Sandbox, program: string, signal: "SIGSTOP" | "SIGCONT"): void {
  const started = ["nsenter", ...entry(sandbox), program].join("\0");
  const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const outside = processes.find((pid) => readProc(`/proc/${pid}/cmdline`).startsWith(`${started}\0`));
  const inside = processes.find((pid) => parentOf(pid) === outside);
  if (outside === undefined || inside === undefined) throw new Error(`${program} does not run in this sandbox`);
  for (const pid of signal === "SIGCONT" ? [outside, inside] : [inside]) process.kill(Number(pid), signal);
}

function entry(sandbox: Sandbox): string[] {
  return ["--target", String(sandbox.pid), "--mount", "--net", "--pid", "--root", "--"];
}

async function launch(paths: Paths): Promise<Sandbox> {
  const started = path.join(paths.state, "sandbox-started");
  rmSync(started, { force: true });
  const log = path.join(paths.logs, "sandbox.log");
  const output = openSync(log, "a");
  const child = spawn(
    "unshare",
    // Slave: unmounts of the machine propagate inside, and nothing propagates outside.
    [
      ...["--mount", "--net", "--pid", "--fork", "--mount-proc", "--propagation", "slave", "--"],
      "/bin/bash",
      SCRIPT,
      paths.state,
    ],
    { cwd: "/", env: CLEAN_ENVIRONMENT, detached: true, stdio: ["ignore", output, output] },
  );
  let ended = false;
  child.on("error", () => {
    ended = true;
  });
  child.on("exit", () => {
    ended = true;
  });
  child.unref();
  for (let wait = 0; wait < 200 && !ended; wait++) {
    const sandbox = existsSync(started) ? findSandbox(paths.state) : undefined;
    if (sandbox !== undefined) return sandbox;
    await sleep(50);
  }
  throw new Error(`the namespaces of the test cluster could not be created:\n${readFileSync(log, "utf8").trim()}`);
}

/** Takes the lowest free cluster number by creating its interface, because two of one name cannot exist. */
async function connect(sandbox: Sandbox): Promise<Network> {
  for (let index = 0; index < CLUSTER_LIMIT; index++) {
    const network = networkOf(index);
    if (existsSync(`/sys/class/net/${network.hostInterface}`)) continue;
    try {
      await ip(
        "link",
        "add",
        network.hostInterface,
        "type",
        "veth",
        "peer",
        "name",
        "eth0",
        "netns",
        String(sandbox.pid),
      );
    } catch (error) {
      if (error instanceof CommandError && error.stderr.includes("File exists")) continue;
      throw error;
    }
    await ip("address", "add", `${network.hostAddress}/30`, "dev", network.hostInterface);
    await ip("link", "set", network.hostInterface, "up");
    await runInside(sandbox, "ip", ["address", "add", `${network.nodeAddress}/30`, "dev", "eth0"]);
    await runInside(sandbox, "ip", ["link", "set", "eth0", "up"]);
    await ip("route", "add", network.podRange, "via", network.nodeAddress, "dev", network.hostInterface);
    return network;
  }
  throw new Error(`${CLUSTER_LIMIT} test clusters are running already; stop one with: npm run demo:down`);
}

/**
 * SIGKILL ends every process inside, including stopped ones. The namespace disappears once the parents have reaped all of
 * them; some parents (nsenter, unshare) are outside, where this SIGKILL has no effect. nsenter stops itself together with its
 * child, so these parents get SIGCONT until the namespace has disappeared.
 */
async function kill(pid: number): Promise<void> {
  const outside = parentsOutside(pid);
  process.kill(pid, "SIGKILL");
  for (let wait = 0; wait < 300; wait++) {
    for (const parent of outside) resume(parent);
    if (!existsSync(`/proc/${pid}`) || /^State:\s+Z/m.test(readProc(`/proc/${pid}/status`))) return;
    await sleep(100);
  }
  throw new Error(`process ${pid}, the test cluster's first, does not end (a process inside hangs in the kernel?)`);
}

/** Processes outside of the namespace of `pid` with children in it. */
function parentsOutside(pid: number): number[] {
  const namespace = pidNamespace(String(pid));
  const inside = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry) && pidNamespace(entry) === namespace);
  const parents = inside.map(parentOf).filter((parent) => parent !== undefined && !inside.includes(parent));
  return [...new Set(parents.map(Number))];
}

/** Undefined if the process has ended. */
function pidNamespace(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

const parentOf = (pid: string): string | undefined => /^PPid:\s+(\d+)$/m.exec(readProc(`/proc/${pid}/status`))?.[1];

function resume(pid: number): void {
  try {
    process.kill(pid, "SIGCONT");
  } catch {
    // It has ended.
  }
}

/** The kernel removes the link with the namespace, a moment later, so it may already be missing. */
async function removeLink(name: string): Promise<void> {
  await ip("link", "delete", name).catch((error: unknown) => {
    if (existsSync(`/sys/class/net/${name}`)) throw error;
  });
}

function makeMountPoint(directory: string): void {
  if (existsSync(directory)) return;
  mkdirSync(directory);
  writeFileSync(path.join(directory, MARKER), "");
}

function removeMountPoint(directory: string): void {
  const marker = path.join(directory, MARKER);
  if (!existsSync(marker) || readdirSync(directory).length !== 1) return;
  rmSync(marker);
  rmdirSync(directory);
}

/** NSpid lists a process's number in each of its namespaces, the innermost last. */
function isFirstOfItsNamespace(pid: string): boolean {
  const numbers = /^NSpid:\s+(.*)$/m.exec(readProc(`/proc/${pid}/status`))?.[1]?.split(/\s+/) ?? [];
  return numbers.length > 1 && numbers.at(-1) === "1";
}

/** A file under /proc, or nothing if its process has just ended. */
function readProc(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

async function ip(...args: string[]): Promise<void> {
  await run("ip", args);
}
