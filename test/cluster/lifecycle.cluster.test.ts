// Lifecycle of a cluster on this machine: it starts, runs a restricted pod of our own image, recovers from an interrupted
// start, runs beside another one, and leaves nothing behind.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { buildImages } from "../../images/build.ts";
import { findCluster, startCluster, stopCluster } from "./cluster.ts";
import { findSandbox } from "./sandbox.ts";
import { differences, gatherTraces } from "./traces.ts";
import { provideDirectory } from "./volume.ts";

const NAME = "lifecycle";
const BESIDE = "lifecycle-beside";
const STATE = fileURLToPath(new URL(`../../.luthier/cluster/${NAME}`, import.meta.url));
const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));

after(async () => {
  await stopCluster(NAME);
  await stopCluster(BESIDE);
});

test("a cluster runs a restricted pod of our image on a claimed directory, and leaves no trace", async () => {
  const { trainer } = await buildImages();
  await stopCluster(NAME);
  const before = await gatherTraces(STATE);
  const directory = mkdtempSync(path.join(tmpdir(), "luthier-volume-"));
  const cluster = await startCluster({ name: NAME });
  await cluster.loadImage(trainer.archive);
  await provideDirectory(cluster, { namespace: "default", claim: "work", directory });
  await cluster.kubectl(["apply", "-f", "-"], JSON.stringify(restrictedPod(trainer.name)));
  await cluster.kubectl(["wait", "pod/probe", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s"]);

  const report = JSON.parse(await cluster.kubectl(["logs", "probe"]));
  assert.deepEqual(report, {
    uid: 65532,
    capabilities: "0000000000000000",
    seccomp: "2",
    root: "EROFS",
    apiServer: 200,
    addon: "function",
    lookup: "failed",
  });
  assert.equal(readFileSync(path.join(directory, "from-pod"), "utf8"), "written by the pod");
  assert.match(readFileSync(cluster.auditLog, "utf8"), /"resource":"pods","namespace":"default","name":"probe"/);
  assert.equal((await startCluster({ name: NAME })).kubeconfig, cluster.kubeconfig);
  assert.equal(
    await cluster.kubectl(["get", "pod", "probe", "-o", "name"]),
    "pod/probe\n",
    "a second start changes nothing",
  );

  await cluster.stop();
  assert.equal(await findCluster(NAME), undefined);
  assert.ok(!existsSync(cluster.kubeconfig));
  rmSync(directory, { recursive: true });
  assert.deepEqual(differences(before, await gatherTraces(STATE)), []);
});

test("a killed start is completed by the next one", async () => {
  await killAt(/waiting for etcd, the API server/);
  assert.equal(await findCluster(NAME), undefined);
  const cluster = await startCluster({ name: NAME });
  assert.match(await cluster.helm(["list"]), /NAME\s+NAMESPACE/);
});

test("two clusters run in parallel, and stopping one keeps the other", async () => {
  const one = await startCluster({ name: NAME });
  const other = await startCluster({ name: BESIDE });
  await other.kubectl(["create", "namespace", "only-in-the-other"]);
  assert.doesNotMatch(await one.kubectl(["get", "namespaces"]), /only-in-the-other/);
  await one.stop();
  assert.match(await other.kubectl(["get", "nodes"]), /luthier\s+Ready/);
});

test("a cluster with processes stopped by a signal is removed like any other", async () => {
  const cluster = await startCluster({ name: BESIDE });
  const state = path.dirname(cluster.kubeconfig);
  const sandbox = findSandbox(state);
  assert.ok(sandbox);
  const namespace = pidNamespace(sandbox.pid);
  const all = processes();
  const inside = all.filter((pid) => pidNamespace(pid) === namespace);
  const outside = all.filter((pid) => !inside.includes(pid) && commandOf(pid).includes(`\0${sandbox.pid}\0`));
  const holder = all.filter((pid) => commandOf(pid).startsWith("unshare\0") && commandOf(pid).includes(state));
  assert.ok(inside.length > 8 && outside.length > 5 && holder.length === 1, `${inside} ${outside} ${holder}`);
  for (const pid of [...inside, ...outside, ...holder]) process.kill(pid, "SIGSTOP");
  await cluster.stop();
  assert.deepEqual(
    processes().filter((pid) => commandOf(pid).includes(state) || pidNamespace(pid) === namespace),
    [],
  );
  assert.ok(!existsSync(state));
});

const processes = () =>
  readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);

/** Both are empty once the process has ended. */
function pidNamespace(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return "";
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

/** Starts the cluster in a separate process and kills that when it reports a line like `moment`. */
function killAt(moment: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, "up", "--name", NAME], { stdio: ["ignore", "ignore", "pipe"] });
    let printed = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
      if (moment.test(printed)) child.kill("SIGKILL");
    });
    child.on("exit", (code, signal) => {
      if (signal === "SIGKILL") resolve();
      else reject(new Error(`ended with ${code} before it printed ${moment}:\n${printed}`));
    });
  });
}

/** Reports its permissions in one line of JSON. */
const PROBE = `
  const fs = require("node:fs"), https = require("node:https"), dns = require("node:dns").promises;
  const status = (name) => fs.readFileSync("/proc/self/status", "utf8").match(new RegExp(name + ":\\\\s+(\\\\S+)"))[1];
  const attempt = (work) => { try { work(); return "allowed"; } catch (error) { return error.code; } };
  const account = "/var/run/secrets/kubernetes.io/serviceaccount/";
  fs.writeFileSync("/claims/from-pod", "written by the pod");
  const ask = (path) => new Promise((resolve, reject) => https.get({
    host: process.env.KUBERNETES_SERVICE_HOST, path, ca: fs.readFileSync(account + "ca.crt"),
    headers: { authorization: "Bearer " + fs.readFileSync(account + "token", "utf8") },
  }, (response) => { response.resume(); resolve(response.statusCode); }).on("error", reject));
  (async () => console.log(JSON.stringify({
    uid: process.getuid(), capabilities: status("CapEff"), seccomp: status("Seccomp"),
    root: attempt(() => fs.writeFileSync("/luthier/here", "")),
    apiServer: await ask("/version"),
    addon: typeof require("/luthier/trainer/native/build/luthier.node").createExecutor,
    lookup: await dns.lookup("example.com").then(() => "answered", () => "failed"),
  })))();
`;

function restrictedPod(image: string) {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "probe", namespace: "default" },
    spec: {
      restartPolicy: "Never",
      securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: "RuntimeDefault" } },
      volumes: [{ name: "work", persistentVolumeClaim: { claimName: "work" } }],
      containers: [
        {
          name: "probe",
          image,
          command: ["/usr/bin/tini", "--", "/usr/local/bin/node", "-e", PROBE],
          volumeMounts: [{ name: "work", mountPath: "/claims" }],
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
        },
      ],
    },
  };
}
