/** `npm run demo:down`: ends the demo's cluster and removes all that it put on the machine. */
import { existsSync, rmSync } from "node:fs";
import path from "node:path";
import { createScreen } from "../terminal/screen.ts";
import { helpOption, runScript } from "../terminal/script.ts";
import { runStages } from "../terminal/stages.ts";
import { runningClusters, stopCluster } from "../test/cluster/cluster.ts";
import { cacheRoot } from "../tools/setup/cache.ts";
import { goCaches } from "../tools/setup/go.ts";
import { buildDirectory } from "../trainer/native/paths.ts";
import { demo, repository } from "./places.ts";

const store = path.join(demo.clusterState, "store");

const usage = {
  command: "npm run demo:down --",
  positionals: [],
  summary: "Ends the demo's cluster: no process, mount, network interface, sysctl or firewall rule of it is left.",
  details: [
    `Its volumes are removed, and with them the adapter that it trained (${path.relative(repository, store)}).`,
    "Installed packages and caches stay; it says where they are.",
  ],
  options: { help: helpOption },
} as const;

function goneLines(hadStore: boolean): string[] {
  const lost = `, and with it the adapter in ${path.relative(repository, store)}`;
  return [`The demo's cluster is gone${hadStore ? lost : ""}.`];
}

/** Tests may be running: theirs are not ended, but named. */
function otherClusterLines(names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const commands = names.map((name) => `  node tools/node24.mjs test/cluster/main.ts down --name ${name}`);
  return ["Clusters of tests are running; to end them:", ...commands];
}

function stayLines(): string[] {
  const { modules, compiled } = goCaches();
  const places = [cacheRoot(), compiled, modules, buildDirectory, path.join(repository, "node_modules")];
  return [
    "Installed packages stay, and what makes the next run quick; to remove that:",
    ...places.filter((place) => existsSync(place)).map((place) => `  ${removal(place, modules)}`),
  ];
}

/** Go makes its modules read-only. */
const removal = (place: string, modules: string) =>
  `${place === modules ? `chmod -R u+w ${place} && ` : ""}rm -r ${place}`;

await runScript(usage, async () => {
  if (process.getuid?.() !== 0) throw new Error("the demo's cluster belongs to root: run this as root");
  const hadStore = existsSync(store);
  await runStages(createScreen(), [
    {
      title: "end the demo's cluster",
      async run(report) {
        report({ message: "processes, network, mounts, control groups, volumes" });
        await stopCluster(demo.clusterName);
        rmSync(demo.clusterState, { recursive: true, force: true });
        return undefined;
      },
    },
  ]);
  process.stdout.write(
    `${[...goneLines(hadStore), ...otherClusterLines(runningClusters()), ...stayLines()].join("\n")}\n`,
  );
  return undefined;
});
