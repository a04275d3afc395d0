/**
 * `npm run demo`: makes this machine ready, starts a real cluster on it, installs Luthier, applies demo/quickstart.yaml,
 * watches a model get better at something, and lets it speak. Each stage finds what an earlier run left and goes on.
 */
import { helpText, readArguments, UsageError } from "../terminal/arguments.ts";
import { createSession, Interrupted } from "../terminal/command.ts";
import { messageOf } from "../trainer/contract/failure.ts";
import { clusterDemo } from "./cluster.ts";
import { localDemo } from "./local.ts";

const usage = {
  command: "npm run demo --",
  positionals: [],
  summary: "Fine-tunes a small model on this machine, from `kubectl apply` to a verified result, and shows it at work.",
  details: [
    "As root it starts a real Kubernetes on this machine (npm run demo:down removes it). Otherwise, or with --local,",
    "the same manifest goes through the same stages in this process. Ctrl-C at any time; the same command goes on.",
  ],
  options: {
    local: { help: "no cluster: everything in this process; needs no root" },
    help: { short: "h", help: "this text" },
  },
} as const;

const session = createSession("stopping; `npm run demo` goes on from here (again: stop at once)");
const { screen, signal } = session;

async function main(): Promise<void> {
  const args = readArguments(usage, process.argv.slice(2));
  if (args.switches.has("help")) return session.write(helpText(usage));
  const isRoot = process.getuid?.() === 0;
  if (args.switches.has("local")) return await localDemo(session);
  if (isRoot) return await clusterDemo(session);
  screen.print("Not root: the demo runs in this process, without a cluster. As root it starts a real one.\n");
  return await localDemo(session);
}

try {
  await main();
} catch (error) {
  screen.clear();
  const stopped = signal.reason instanceof Interrupted;
  screen.print(stopped ? "stopped" : `\ndemo: ${messageOf(error)}`);
  process.exitCode = stopped ? 130 : error instanceof UsageError ? 2 : 1;
}
