/**
 * The commands that the chart's CronJobs run, in the operator's image. Other commands load native code, which that image does not
 * contain.
 */
import { gcCommand } from "../commands/gc.ts";
import { recordCommand } from "../commands/record.ts";
import { runProgram } from "../program.ts";

await runProgram(
  new Map([
    ["record", recordCommand],
    ["gc", gcCommand],
  ]),
);
