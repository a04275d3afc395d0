/** `luthier`, the command line: its commands by name. */
import { chatCommand } from "./commands/chat.ts";
import { compareCommand } from "./commands/compare.ts";
import { dataCommand } from "./commands/data.ts";
import { diffCommand } from "./commands/diff.ts";
import { exportCommand } from "./commands/export.ts";
import { gcCommand } from "./commands/gc.ts";
import { historyCommand } from "./commands/history.ts";
import { inspectCommand } from "./commands/inspect.ts";
import { logsCommand } from "./commands/logs.ts";
import { planCommand } from "./commands/plan.ts";
import { plotCommand } from "./commands/plot.ts";
import { promoteCommand, rollbackCommand } from "./commands/promote.ts";
import { recordCommand } from "./commands/record.ts";
import { retryCommand } from "./commands/retry.ts";
import { runCommand } from "./commands/run.ts";
import { watchCommand } from "./commands/watch.ts";
import { runProgram } from "./program.ts";

await runProgram(
  new Map([
    ["run", runCommand],
    ["plan", planCommand],
    ["data", dataCommand],
    ["chat", chatCommand],
    ["watch", watchCommand],
    ["plot", plotCommand],
    ["compare", compareCommand],
    ["history", historyCommand],
    ["diff", diffCommand],
    ["promote", promoteCommand],
    ["rollback", rollbackCommand],
    ["retry", retryCommand],
    ["logs", logsCommand],
    ["export", exportCommand],
    ["inspect", inspectCommand],
    ["record", recordCommand],
    ["gc", gcCommand],
  ]),
);
