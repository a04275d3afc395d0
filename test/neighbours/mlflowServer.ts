/** A real MLflow server for tests, from PyPI (requirements.txt), with a database of its own. */
import { spawn } from "node:child_process";
import { createWriteStream, readFileSync } from "node:fs";
import path from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "../../terminal/runProgram.ts";
import { cached, recipeDigest } from "../../tools/setup/cache.ts";
import { temporaryDirectory } from "../../trainer/testing/temporary.ts";
import { freePort } from "../stores/gateway.ts";

const requirements = path.join(import.meta.dirname, "requirements.txt");

/** The directory of the packages; the first time downloads some 150 MB. */
async function installedPackages(): Promise<string> {
  return await cached("mlflow", recipeDigest([readFileSync(requirements)]), async (work) => {
    const options = ["--no-deps", "--no-cache-dir", "--disable-pip-version-check", "--quiet", "--target", work];
    await run("python3", ["-m", "pip", "install", ...options, "-r", requirements]);
  });
}

/** Its URL. */
export async function startMlflow(t: TestContext): Promise<string> {
  const packages = await installedPackages();
  const directory = await temporaryDirectory(t);
  const [port, log] = [await freePort("127.0.0.1"), path.join(directory, "log")];
  const at = ["--host", "127.0.0.1", "--port", `${port}`, "--workers", "1"];
  const stores = ["--backend-store-uri", `sqlite:///${directory}/runs.db`, "--artifacts-destination", directory];
  const env = { ...process.env, PYTHONPATH: packages, MLFLOW_DISABLE_TELEMETRY: "true", GIT_PYTHON_REFRESH: "quiet" };
  const server = spawn("python3", ["-m", "mlflow", "server", ...at, ...stores], {
    ...{ env, cwd: directory, detached: true },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = createWriteStream(log);
  server.stdout.pipe(output);
  server.stderr.pipe(output);
  // The server has workers of its own.
  t.after(() => process.kill(-(server.pid ?? assertStarted()), "SIGKILL"));
  const url = `http://127.0.0.1:${port}`;
  const isUp = () =>
    fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
  for (const end = Date.now() + 180_000; !(await isUp()); await sleep(200)) {
    if (Date.now() > end || server.exitCode !== null)
      throw new Error(`MLflow did not start: ${readFileSync(log, "utf8")}`);
  }
  return url;
}

function assertStarted(): never {
  throw new Error("python3 was not found");
}
