/** `npm run demo:down`: ends the demo's cluster and removes all that it put on the machine. */
import { rmSync } from "node:fs";
import { parseArgs } from "node:util";
import { createScreen } from "../cli/ui/screen.ts";
import { runStages } from "../cli/ui/stages.ts";
import { stopCluster } from "../test/cluster/cluster.ts";
import { cacheRoot } from "../tools/setup/cache.ts";
import { messageOf } from "../trainer/failure.ts";
import { demo } from "./places.ts";

const help = `npm run demo:down

Ends the demo's cluster: no process, mount, network interface, sysctl or firewall rule of it is left, and its volumes
are removed. Installed packages and the cache stay.
`;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { help: { type: "boolean", short: "h" } } });
  if (values.help) {
    process.stdout.write(help);
    return;
  }
  if (process.getuid?.() !== 0) throw new Error("the demo's cluster belongs to root: run this as root");
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
  process.stdout.write(`The demo's cluster is gone. Installed packages and the cache (${cacheRoot()}) stay.\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`demo:down: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
