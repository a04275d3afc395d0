/** The arguments of the trainer's process. Pure. */
import { parseArgs } from "node:util";
import { exitCode } from "./contract/exitCodes.ts";
import { messageOf, StageFailure } from "./contract/failure.ts";
import type { RunFile } from "./contract/runFile.ts";

export const help = `Usage: trainer/main.ts (prepare | check | train | export) --run-file FILE [OPTION…]

  --run-file FILE          what to do (contract/runFile.ts), as YAML or JSON
  --claim NAME=DIRECTORY   where pvc://NAME lies; else $LUTHIER_CLAIMS/NAME, else /luthier/claims/NAME
  --threads N              worker threads; 0, the default, takes the cores granted
  --device cpu|cuda        where a training runs: cpu, the default, or cuda, the GPU of this process
  --gpu-class PRODUCT      with --device cuda: the product that the GPU must be, such as NVIDIA-L4
  --memory BYTES           plan with at most this much memory; else what this process, or its GPU, has
  --metrics-port N         serve Prometheus metrics on this port
  --termination-log FILE   where the envelope is written; else $TERMINATION_LOG, else /dev/termination-log if there is one
  --help
`;

const stages = { prepare: "Prepare", check: "Check", train: "Train", export: "Export" } as const;

export interface Arguments {
  stage: RunFile["stage"];
  runFile: string;
  claims: ReadonlyMap<string, string>;
  /** 0: the cores granted. */
  threads: number;
  /** The GPU that a training needs; undefined: it runs on the CPU. */
  gpu: { readonly product: string | undefined } | undefined;
  /** Bytes that a training may plan with. */
  memory: number | undefined;
  metricsPort: number | undefined;
  terminationLog: string | undefined;
}

/** Parses the process's arguments; undefined for --help. Throws a failure that names the argument. */
export function readArguments(argv: readonly string[]): Arguments | undefined {
  const { values, positionals } = parse(argv);
  if (values.help) return undefined;
  const [command] = positionals;
  if (positionals.length !== 1 || !isCommand(command))
    throw wrong("name one command: prepare, check, train or export; see --help");
  if (values["run-file"] === undefined) throw wrong("--run-file FILE is missing");
  return {
    stage: stages[command],
    runFile: values["run-file"],
    claims: new Map((values.claim ?? []).map(readClaim)),
    threads: readNumber("--threads", values.threads, 1024) ?? 0,
    gpu: gpuOf(values.device, values["gpu-class"]),
    memory: readNumber("--memory", values.memory, Number.MAX_SAFE_INTEGER),
    metricsPort: readNumber("--metrics-port", values["metrics-port"], 65535),
    terminationLog: values["termination-log"],
  };
}

const wrong = (message: string) => new StageFailure(exitCode.usage, "InvalidArguments", message);

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        "run-file": { type: "string" },
        claim: { type: "string", multiple: true },
        threads: { type: "string" },
        device: { type: "string" },
        "gpu-class": { type: "string" },
        memory: { type: "string" },
        "metrics-port": { type: "string" },
        "termination-log": { type: "string" },
        help: { type: "boolean" },
      },
    });
  } catch (error) {
    throw wrong(messageOf(error));
  }
}

function gpuOf(device = "cpu", product: string | undefined): Arguments["gpu"] {
  if (device !== "cpu" && device !== "cuda") throw wrong(`--device ${device}: must be cpu or cuda`);
  if (device === "cuda") return { product };
  if (product !== undefined) throw wrong("--gpu-class needs --device cuda");
  return undefined;
}

const isCommand = (word: string | undefined): word is keyof typeof stages =>
  word !== undefined && Object.hasOwn(stages, word);

function readClaim(text: string): [string, string] {
  const claim = claimOption(text);
  if (claim === undefined) throw wrong(`--claim ${text}: must be NAME=DIRECTORY`);
  return [claim.name, claim.directory];
}

/** Parses `NAME=DIRECTORY`; undefined when one of them is missing. */
export function claimOption(text: string): { name: string; directory: string } | undefined {
  const at = text.indexOf("=");
  return at < 1 || at === text.length - 1 ? undefined : { name: text.slice(0, at), directory: text.slice(at + 1) };
}

function readNumber(name: string, text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text !== "" && Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw wrong(`${name} ${text}: must be a whole number from 0 to ${max}`);
}
