/** The demo without a cluster: runs the quickstart's manifest through the same stages on this machine. */
import path from "node:path";
import { outcomeOf, runJob } from "../cli/commands/run.ts";
import { loadFineTuneJob, localPath, localPlaces } from "../cli/fineTuneJob.ts";
import { speakerOfPlace } from "../cli/speaker.ts";
import { outcomeLines } from "../cli/ui/resultView.ts";
import type { Session } from "../terminal/command.ts";
import { runStages } from "../terminal/stages.ts";
import type { SpaceNeed } from "../tools/setup/space.ts";
import { beforeAndAfter, speakerOptions } from "./beforeAfter.ts";
import { machineStages } from "./machine.ts";
import { demo } from "./places.ts";

const claims = new Map<string, string>([
  [demo.inputsClaim, demo.inputs],
  [demo.storeClaim, demo.localStore],
]);

const adapterNeed: SpaceNeed = {
  what: "the trained adapter",
  directory: path.dirname(demo.localStore),
  bytes: 100 * 2 ** 20,
};

export async function localDemo(session: Session): Promise<void> {
  const { screen, signal, write } = session;
  await runStages(screen, await machineStages("native", screen, signal, [adapterNeed]), { signal });
  const job = loadFineTuneJob(demo.manifest);
  const places = localPlaces(job, claims, undefined);
  screen.print(`\nluthier run demo/quickstart.yaml: ${job.metadata.name}, without a cluster`);
  const result = await runJob(job, places, 0, session);
  write(`\n${outcomeLines(outcomeOf(job, result, places)).join("\n")}\n`);
  const adapter = localPath(result.adapter, places.claims);
  const talk = await beforeAndAfter(
    demo.testFile,
    () => speakerOfPlace(demo.baseModel, undefined, speakerOptions),
    () => speakerOfPlace(adapter, demo.baseModel, speakerOptions),
    signal,
  );
  write(`\n${talk.join("\n")}\n`);
  const here = (directory: string) => path.relative(process.cwd(), directory);
  write(`\nChat with it:\n  npx --no-install luthier chat ${here(adapter)} --base ${here(demo.baseModel)}\n`);
}
