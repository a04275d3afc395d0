/**
 * The operator ends by SIGKILL before and after each write of one whole life, from an applied FineTuneJob to a verified
 * export, and is started anew each time: everything is made once, by the API server's audit log.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Bench, manifest, type Team } from "../e2e/bench.ts";
import { type CutProxy, startCutProxy } from "./cutProxy.ts";

const main = fileURLToPath(new URL("../../operator/main.ts", import.meta.url));

/** An operator process that is started anew whenever it ended. */
class Supervised {
  readonly #arguments: readonly string[];
  readonly #environment: NodeJS.ProcessEnv;
  #process: ChildProcess | undefined;
  #ended = false;
  starts = 0;

  constructor(options: { arguments: readonly string[]; kubeconfig: string }) {
    this.#arguments = options.arguments;
    this.#environment = { ...process.env, KUBECONFIG: options.kubeconfig };
  }

  start(): void {
    this.starts++;
    this.#process = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", main, ...this.#arguments], {
      stdio: ["ignore", "ignore", "inherit"],
      env: this.#environment,
    });
    this.#process.on("exit", () => {
      if (!this.#ended) this.start();
    });
  }

  kill(): void {
    this.#process?.kill("SIGKILL");
  }

  end(): void {
    this.#ended = true;
    this.kill();
  }
}

let bench: Bench;
let proxy: CutProxy;
let operator: Supervised;
let team: Team;

before(async () => {
  bench = await Bench.start({ name: "faults", operator: false });
  proxy = await startCutProxy(bench.cluster.kubeconfig, () => operator.kill());
  const kubeconfig = path.join(bench.directory, "kubeconfig");
  writeFileSync(kubeconfig, proxy.kubeconfig);
  operator = new Supervised({ arguments: ["--trainer-image", bench.trainerImage, "--port", "0"], kubeconfig });
});

after(async () => {
  operator?.end();
  proxy?.close();
  await bench?.stop();
});

test("killed before and after each write of a life, the operator comes to the same end", async (t) => {
  team = await bench.namespace("cut");
  operator.start();
  const adapter = { exports: [{ name: "merged", merged: {} }] };
  await team.apply(manifest("job", { training: { maxSteps: 3, batchTokens: 512 }, adapter }));
  await team.untilReady("job", 1200);
  t.diagnostic(`${proxy.cuts.length} cuts, ${operator.starts} starts`);
  assert.ok(proxy.cuts.some((cut) => cut.startsWith("after")) && proxy.cuts.length > 20, proxy.cuts.join("\n"));
  // Two writes in flight may end with one kill.
  assert.ok(operator.starts > 20);
});

test("and everything was made once", () => {
  assert.deepEqual(
    [team.created("finetuneruns"), team.created("adapters"), team.created("jobs")],
    [1, 1, 3],
    proxy.cuts.join("\n"),
  );
});

test("by one attempt, which ended well", async () => {
  const { status } = await team.run();
  assert.deepEqual(
    status?.attempts?.map(({ number, outcome }) => [number, outcome]),
    [[1, "Succeeded"]],
  );
});
