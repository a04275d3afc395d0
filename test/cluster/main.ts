// Manages the test cluster from the command line: node tools/node24.mjs test/cluster/main.ts up|down|status [--name NAME]

import { optionOf, UsageError } from "../../terminal/arguments.ts";
import { helpOption, runScript } from "../../terminal/script.ts";
import { formatProgress } from "../../tools/setup/progress.ts";
import { findCluster, startCluster, stopCluster } from "./cluster.ts";

const usage = {
  command: "node tools/node24.mjs test/cluster/main.ts",
  positionals: ["up|down|status"],
  summary: "Starts, stops or checks a real Kubernetes on this machine, in separate namespaces (root).",
  details: [
    "up prints its kubeconfig. It needs the packages that `node tools/node24.mjs tools/setup/main.ts cluster` installs.",
  ],
  options: {
    name: { value: "NAME", help: "name of the cluster; clusters of different names run in parallel (default test)" },
    help: helpOption,
  },
} as const;

await runScript(usage, async (args) => {
  const name = optionOf(args, "name") ?? "test";
  const [what = ""] = args.positionals;
  switch (what) {
    case "up": {
      const cluster = await startCluster({ name, onProgress: (progress) => console.error(formatProgress(progress)) });
      console.log(cluster.kubeconfig);
      return undefined;
    }
    case "down":
      await stopCluster(name);
      return undefined;
    case "status": {
      const cluster = await findCluster(name);
      console.log(
        cluster === undefined ? `${name}: not running` : `${name}: running, kubeconfig ${cluster.kubeconfig}`,
      );
      return undefined;
    }
    default:
      throw new UsageError(`unknown command ${JSON.stringify(what)}: use up, down or status`);
  }
});
