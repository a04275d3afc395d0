/** Opens a model for a chat: from a directory, or an Adapter of a cluster whose store is on this machine. */
import { existsSync } from "node:fs";
import path from "node:path";
import type { Adapter } from "../operator/api/kinds.ts";
import { UsageError } from "../terminal/arguments.ts";
import { locationsOf } from "../trainer/contract/locations.ts";
import { Chat, type ChatOptions } from "../trainer/generation/chat.ts";
import { methodToRun } from "../trainer/methods/index.ts";
import { Objects } from "../trainer/stores/objects.ts";
import { Stores } from "../trainer/stores/stores.ts";
import { readAdapter, readPeftAdapter } from "../trainer/weights/adapterSource.ts";
import { adapterConfigFile } from "../trainer/weights/peftConfig.ts";
import { localModel, StoredModel } from "../trainer/weights/storedModel.ts";
import { verifiedBase } from "../trainer/weights/verifiedBase.ts";
import type { Speaker } from "./conversation.ts";
import { fileUri } from "./places.ts";

export interface SpeakerOptions {
  readonly threads: number;
  readonly maxNewTokens: number;
  /** 0: always the most likely token. */
  readonly temperature: number;
  readonly seed: number;
  /** Receives the lines about retries of a remote store. */
  readonly log?: (line: string) => void;
}

export interface OpenSpeaker {
  readonly speak: Speaker;
  close(): void;
}

/** A model in Hugging Face's layout, or an adapter in PEFT's on top of the model in `baseDirectory`. */
export async function speakerOfDirectory(
  directory: string,
  baseDirectory: string | undefined,
  options: SpeakerOptions,
): Promise<OpenSpeaker> {
  const isAdapter = existsSync(path.join(directory, adapterConfigFile));
  if (isAdapter && baseDirectory === undefined) {
    throw new UsageError(`${directory} holds an adapter: name its base model with --base DIR`);
  }
  if (!isAdapter && baseDirectory !== undefined) {
    throw new UsageError(`${directory} holds no adapter (${adapterConfigFile} is missing): remove --base`);
  }
  const stores = new Stores();
  // Not as claims, because in a hub's cache the files of a model are links to other directories.
  const model = await StoredModel.inDirectory(stores, fileUri(baseDirectory ?? directory));
  const adapter = isAdapter ? await readPeftAdapter(stores, fileUri(directory)) : undefined;
  return await open(model, adapter, options);
}

/** Opens an Adapter from its store: its weights and the exact base of its training. Throws if either was altered. */
export async function speakerOfAdapter(
  { spec }: Adapter,
  claims: ReadonlyMap<string, string>,
  options: SpeakerOptions & { readonly withoutAdapter?: boolean },
): Promise<OpenSpeaker> {
  const locations = locationsOf([{ ...spec.execution.artifacts, uri: spec.artifactRoot }]);
  const stores = new Stores({ claims, locations, ...(options.log && { log: options.log }) });
  const base = () => verifiedBase(stores, new Objects(stores, spec.artifactRoot), spec.baseModel.digest, () => {});
  if (options.withoutAdapter) return await open(await base(), undefined, options);
  const { uri, manifest, tensors } = await readAdapter(stores, spec.source.uri, spec.source.digest);
  const settings = methodToRun(manifest.method);
  if (settings.kind === "none") {
    return await open(await localModel(stores, uri, manifest.files), undefined, options);
  }
  return await open(await base(), { settings, tensors }, options);
}

async function open(
  model: StoredModel,
  adapter: ChatOptions["adapter"],
  { threads, ...sampling }: SpeakerOptions,
): Promise<OpenSpeaker> {
  const chat = await Chat.open({ model, threads, ...(adapter && { adapter }) });
  return {
    speak: (messages, signal, onThought) =>
      chat.answer(messages, { ...sampling, signal, ...(onThought && { onThought }) }),
    close: () => chat.close(),
  };
}
