/** Runs a command of the repository other than `luthier`: handles help, arguments, and the exit code of errors. */
import { exitCode } from "../trainer/contract/exitCodes.ts";
import { messageOf } from "../trainer/contract/failure.ts";
import { type Arguments, helpText, readArguments, type Usage, UsageError } from "./arguments.ts";

export const helpOption = { short: "h", help: "this text" } as const;

/** Calls `work` with this process's arguments; a returned number is the exit code. */
export async function runScript(usage: Usage, work: (args: Arguments) => Promise<number | undefined>): Promise<void> {
  const argv = process.argv.slice(2);
  try {
    if (argv.includes("--help") || argv.includes("-h")) process.stdout.write(helpText(usage));
    else process.exitCode = (await work(readArguments(usage, argv))) ?? exitCode.done;
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = error instanceof UsageError ? exitCode.usage : exitCode.crashed;
  }
}
