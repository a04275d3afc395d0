/** `npm run demo:down`: stops the demo's cluster and removes everything that it put on the machine. */
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
  summary:
    "Stops the demo's cluster and removes all of its processes, mounts, network interfaces, sysctls and firewall rules.",
  details: [
    `It removes the cluster's volumes, including the trained adapter (${path.relative(repository, store)}).`,
    "It keeps installed packages and caches, and prints where they are.",
  ],
  options: { help: helpOption },
} as const;

function goneLines(hadStore: boolean): string[] {
  const lost = `, including the adapter in ${path.relative(repository, store)}`;
  return [`The demo's cluster is removed${hadStore ? lost : ""}.`];
}

/** Lists the clusters of running tests, which are not stopped. */
function otherClusterLines(names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const commands = names.map((name) => `  node tools/node24.mjs test/cluster/main.ts down --name ${name}`);
  return ["Clusters of tests are running; to stop them:", ...commands];
}

function stayLines(): string[] {
  const { modules, compiled } = goCaches();
  const places = [cacheRoot(), compiled, modules, buildDirectory, path.join(repository, "node_modules")];
  return [
    "Installed packages stay, and so do these caches, which speed up the next run; to remove them:",
    ...places.filter((place) => existsSync(place)).map((place) => `  ${removal(place, modules)}`),
  ];
}

/** Go makes its modules read-only. */
const removal = (place: string, modules: string) =>
  `${place === modules ? `chmod -R u+w ${place} && ` : ""}rm -r ${place}`;

await runScript(usage, async () => {
  if (process.getuid?.() !== 0) throw new Error("the demo's cluster belongs to root: run this command as root");
  const hadStore = existsSync(store);
  await runStages(createScreen(), [
    {
      title: "stop the demo's cluster",
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
