/**
 * The garbage collector of the chart's CronJobs: `luthier gc` by itself, in the operator's image. Other commands load native code,
 * which that image does not contain.
 */
import { gcCommand } from "../commands/gc.ts";
import { runProgram } from "../program.ts";

await runProgram(new Map([["gc", gcCommand]]));
