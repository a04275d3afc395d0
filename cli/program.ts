/**
 * A program of commands: finds the command, passes its arguments, and turns an error into a message and an exit code. Results
 * go to standard output, everything else to standard error.
 */
import { helpText, readArguments, UsageError } from "../terminal/arguments.ts";
import { type Command, createSession, Interrupted, type Session } from "../terminal/command.ts";
import { didYouMean } from "../terminal/nearest.ts";
import { table } from "../terminal/table.ts";
import { exitCode, exitCodeLines } from "../trainer/contract/exitCodes.ts";
import { messageOf, StageFailure } from "../trainer/contract/failure.ts";
import { ManifestError } from "./manifest.ts";
import manifest from "./package.json" with { type: "json" };

export type Commands = ReadonlyMap<string, Command>;

/** `kubectl finetune` is this program by another name (luthier.mjs): help and messages name the commands as they are typed. */
const program = process.env.LUTHIER_PROGRAM === "kubectl-finetune" ? "kubectl finetune" : "luthier";
const typed = (text: string) => text.replaceAll(/\bluthier (?=[A-Za-z-])/g, `${program} `);

function overview(commands: Commands): string {
  const rows = [...commands].map(([name, { usage }]) => [`  ${name}`, usage.summary]);
  return [
    "luthier COMMAND [ARGUMENT…]: fine-tunes language models",
    "",
    ...table(rows),
    "",
    "`luthier COMMAND --help` describes a command, `luthier --version` prints the version. Exit codes:",
    ...table(exitCodeLines.map(({ code, meaning }) => [`  ${code}`, meaning])),
    "",
  ].join("\n");
}

async function dispatch(commands: Commands, [name, ...argv]: readonly string[], session: Session): Promise<number> {
  if (name === "--version") {
    session.write(`${program} ${manifest.version}\n`);
    return exitCode.done;
  }
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    const command = commands.get(argv[0] ?? "");
    session.write(typed(command === undefined ? overview(commands) : helpText(command.usage)));
    return name === undefined ? exitCode.usage : exitCode.done;
  }
  const command = commands.get(name);
  if (command === undefined) {
    throw new UsageError(`there is no command ${name}${didYouMean(name, [...commands.keys()])}; see ${program} --help`);
  }
  if (argv.includes("--help") || argv.includes("-h")) {
    session.write(typed(helpText(command.usage)));
    return exitCode.done;
  }
  return await command.run(readArguments(command.usage, argv), session);
}

const isDenied = (error: unknown) => error instanceof Error && "code" in error && error.code === "EACCES";
const deniedHint =
  'the file belongs to another user, perhaps to root after an earlier run: run luthier as that user, or sudo chown -R "$(id -un)" the folder';

/** The message and the exit code for an error. */
function explain(error: unknown, signal: AbortSignal): { text: string; code: number } {
  if (error instanceof UsageError) return { text: error.message, code: exitCode.usage };
  if (error instanceof ManifestError) return { text: error.message, code: exitCode.invalid };
  if (error instanceof StageFailure) return { text: `${error.reason}: ${error.message}`, code: error.code };
  if (signal.reason instanceof Interrupted) return { text: "stopped", code: exitCode.stopped };
  if (isDenied(error)) return { text: `${messageOf(error)}\n${deniedHint}`, code: exitCode.crashed };
  return { text: messageOf(error), code: exitCode.crashed };
}

/** Runs the command that the process's arguments name, and sets the process's exit code. */
export async function runProgram(commands: Commands): Promise<void> {
  const argv = process.argv.slice(2);
  const session = createSession(commands.get(argv[0] ?? "")?.onInterrupt ?? "stopping");
  try {
    process.exitCode = await dispatch(commands, argv, session);
  } catch (error) {
    const { text, code } = explain(error, session.signal);
    session.screen.clear();
    session.screen.print(`${program}: ${typed(text)}`);
    if (code === exitCode.crashed && process.env.LUTHIER_DEBUG && error instanceof Error)
      session.screen.print(error.stack);
    process.exitCode = code;
  }
}
