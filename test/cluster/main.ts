// The test cluster from the command line: node tools/node24.mjs test/cluster/main.ts up|down|status [--name NAME]

import { parseArgs } from "node:util";
import { formatProgress } from "../../tools/setup/progress.ts";
import { findCluster, startCluster, stopCluster } from "./cluster.ts";

const USAGE = "usage: main.ts up|down|status [--name NAME]";

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { name: { type: "string", default: "test" } },
    allowPositionals: true,
  });
  const { name } = values;
  switch (positionals.join(" ")) {
    case "up": {
      const cluster = await startCluster({ name, onProgress: (progress) => console.error(formatProgress(progress)) });
      console.log(cluster.kubeconfig);
      return;
    }
    case "down":
      return stopCluster(name);
    case "status": {
      const cluster = await findCluster(name);
      console.log(
        cluster === undefined ? `${name}: not running` : `${name}: running, kubeconfig ${cluster.kubeconfig}`,
      );
      return;
    }
    default:
      throw new Error(USAGE);
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
