/** The demo without a cluster: the quickstart's manifest through the same stages, in this process. */
import type { Session } from "../cli/command.ts";
import { outcomeOf, runJob } from "../cli/commands/run.ts";
import { loadFineTuneJob, localPlaces } from "../cli/fineTuneJob.ts";
import { outcomeLines } from "../cli/ui/resultView.ts";
import { runStages } from "../cli/ui/stages.ts";
import { machineStages } from "./machine.ts";
import { demo } from "./places.ts";

const claims = new Map<string, string>([
  [demo.inputsClaim, demo.inputs],
  [demo.storeClaim, demo.localStore],
]);

export async function localDemo(session: Session): Promise<void> {
  const { screen, write } = session;
  await runStages(screen, await machineStages("native", screen));
  const job = loadFineTuneJob(demo.manifest);
  const places = localPlaces(job, claims, undefined);
  screen.print(`\nluthier run demo/quickstart.yaml: ${job.metadata.name}, in this process`);
  const result = await runJob(job, places, 0, session);
  write(`\n${outcomeLines(outcomeOf(job, result, places)).join("\n")}\n`);
}
