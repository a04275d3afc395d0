/**
 * `npm run demo`: prepares this machine, starts a real cluster on it, installs Luthier, applies demo/quickstart.yaml,
 * watches the training, and chats with the result. Each stage resumes from the results of an earlier run.
 */
import { helpText, readArguments, UsageError } from "../terminal/arguments.ts";
import { createSession, Interrupted } from "../terminal/command.ts";
import { messageOf } from "../trainer/contract/failure.ts";
import { clusterDemo } from "./cluster.ts";
import { localDemo } from "./local.ts";

const usage = {
  command: "npm run demo --",
  positionals: [],
  summary: "Fine-tunes a small model on this machine, from `kubectl apply` to a verified result, and chats with it.",
  details: [
    "As root it starts a real Kubernetes on this machine (npm run demo:down removes it). Otherwise, or with --local,",
    "the same manifest runs through the same stages on this machine. After Ctrl-C at any time the same command resumes.",
  ],
  options: {
    local: { help: "no cluster: everything on this machine; needs no root" },
    help: { short: "h", help: "this text" },
  },
} as const;

const session = createSession("stopping; `npm run demo` resumes from here (Ctrl-C again: stop at once)");
const { screen, signal } = session;

async function main(): Promise<void> {
  const args = readArguments(usage, process.argv.slice(2));
  if (args.switches.has("help")) return session.write(helpText(usage));
  const isRoot = process.getuid?.() === 0;
  if (args.switches.has("local")) return await localDemo(session);
  if (isRoot) return await clusterDemo(session);
  screen.print("Not root: the demo runs without a cluster. Run it as root to start a real cluster.\n");
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
