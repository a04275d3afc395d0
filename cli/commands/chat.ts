/** `luthier chat`: chats with a model, an adapter, or an Adapter of a cluster. */
import { readFileSync } from "node:fs";
import { adapters } from "../../operator/api/kinds.ts";
import { type Arguments, choiceOf, integerOf, optionOf, refuseWithout, UsageError } from "../../terminal/arguments.ts";
import { type Command, clusterOptions, commonOptions, outputFormats, type Session } from "../../terminal/command.ts";
import { exitCode } from "../../trainer/contract/exitCodes.ts";
import { claimDirectories } from "../cluster/claimDirectories.ts";
import { connectBy } from "../cluster/connect.ts";
import { converse, type Speaker, show, type Talk } from "../conversation.ts";
import { readClaims } from "../fineTuneJob.ts";
import { ensureNative } from "../nativeBuild.ts";
import { type OpenSpeaker, type SpeakerOptions, speakerOfAdapter, speakerOfPlace } from "../speaker.ts";

const usage = {
  command: "luthier chat",
  positionals: ["MODEL?"],
  summary:
    "Chats with a model: a directory in Hugging Face's layout, an adapter with its base, or an Adapter of a cluster.",
  details: [
    "  luthier chat ./out/merged",
    "  luthier chat ./out/adapter --base ./models/base --prompt 'Hello'",
    "  luthier chat hf://acme/support-lora --base hf://acme/base-7b",
    "  luthier chat --adapter NAME --kubeconfig FILE",
    "The thoughts that a model writes before its answer are dimmed on a terminal and left out elsewhere; json has both.",
    "MODEL and --base are directories or URIs (s3://, hf://, pvc:// with --claim); an adapter may be one that PEFT, Unsloth or",
    "AdapterHub's library wrote. Files of a remote store are fetched into local space ($LUTHIER_SCRATCH) first.",
    "The volumes of a cluster's Adapter must be directories on this machine, or be mounted here (--claim).",
  ],
  options: {
    base: { value: "MODEL", help: "the model that the adapter is for" },
    adapter: { value: "NAME", help: "an Adapter of a cluster instead of MODEL" },
    ...clusterOptions,
    claim: commonOptions.claim,
    prompt: { value: "TEXT", help: "one question, one answer; - reads the question from standard input" },
    "max-tokens": { value: "N", help: "longest answer (default 256)" },
    temperature: {
      value: "T",
      help: "0 (default): always the most likely token; above 0: random sampling, more so with a higher T",
    },
    seed: { value: "N", help: "for random sampling (default 42)" },
    threads: commonOptions.threads,
    output: commonOptions.output,
    help: commonOptions.help,
  },
};

export const chatCommand: Command = { usage, run, onInterrupt: "ending the chat" };

async function run(args: Arguments, session: Session): Promise<number> {
  const format = choiceOf(args, "output", outputFormats, "text");
  const prompt = optionOf(args, "prompt");
  if (format === "json" && prompt === undefined) throw new UsageError("--output json needs --prompt TEXT");
  const options = {
    threads: integerOf(args, "threads", 1, 1024, 0),
    maxNewTokens: integerOf(args, "max-tokens", 1, 1_000_000, 256),
    temperature: temperatureOf(optionOf(args, "temperature")),
    seed: integerOf(args, "seed", 0, 2 ** 32 - 1, 42),
    log: (line: string) => session.screen.print(line),
  };
  if ((args.positionals[0] === undefined) === (optionOf(args, "adapter") === undefined)) {
    throw new UsageError("give either a directory or --adapter NAME; see luthier chat --help");
  }
  const [place] = args.positionals;
  if (place === undefined) refuseWithout("MODEL", args, ["base"]);
  else {
    refuseWithout("--adapter NAME", args, ["kubeconfig", "context", "namespace"]);
    const onClaim = [place, optionOf(args, "base")].some((one) => one?.startsWith("pvc://"));
    if (!onClaim) refuseWithout("--adapter NAME or a place on pvc://", args, ["claim"]);
  }
  await ensureNative(session.screen);
  const speaker = await openSpeaker(args, options);
  try {
    if (prompt === undefined) await converse(speaker.speak, talkOf(session));
    else await answerOnce(speaker.speak, prompt === "-" ? readFileSync(0, "utf8") : prompt, format, session);
    return exitCode.done;
  } finally {
    speaker.close();
  }
}

/** Ctrl-C works here as in other commands: the session prints what stops, and a second Ctrl-C ends the process at once. */
function talkOf({ signal }: Session): Talk {
  return {
    input: process.stdin,
    output: process.stdout,
    signal,
    interrupt: () => process.kill(process.pid, "SIGINT"),
  };
}

async function openSpeaker(args: Arguments, options: SpeakerOptions): Promise<OpenSpeaker> {
  const [place] = args.positionals;
  if (place !== undefined) {
    const claims = readClaims(args.values.get("claim") ?? []);
    return await speakerOfPlace(place, optionOf(args, "base"), { ...options, claims });
  }
  await using connection = connectBy(args);
  const { client, namespace } = connection;
  const name = optionOf(args, "adapter") ?? "";
  const adapter = await client.get(adapters, { namespace, name });
  if (adapter === undefined) throw new UsageError(`there is no Adapter ${name} in namespace ${namespace}`);
  const uris = [adapter.spec.artifactRoot, adapter.spec.source.uri];
  const claims = await claimDirectories(connection, uris, readClaims(args.values.get("claim") ?? []));
  return await speakerOfAdapter(adapter, claims, options);
}

function temperatureOf(given: string | undefined): number {
  const temperature = Number(given ?? "0");
  if (temperature >= 0 && temperature <= 10) return temperature;
  throw new UsageError(`--temperature is a number from 0 to 10, not ${JSON.stringify(given)}`);
}

async function answerOnce(
  speak: Speaker,
  prompt: string,
  format: (typeof outputFormats)[number],
  { write, screen, signal }: Session,
): Promise<void> {
  const messages = [{ role: "user", content: prompt }] as const;
  switch (format) {
    case "text":
      await show(speak, messages, {
        ...{ write, signal, print: (line: string) => screen.print(line) },
        terminal: process.stdout.isTTY === true,
      });
      return;
    case "json": {
      let [thoughts, answer] = ["", ""];
      const onThought = (piece: string) => {
        thoughts += piece;
      };
      for await (const piece of speak(messages, signal, onThought)) answer += piece;
      write(`${JSON.stringify({ prompt, ...(thoughts !== "" && { thoughts }), answer })}\n`);
    }
  }
}
