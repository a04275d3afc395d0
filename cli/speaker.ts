/** Opens a model for a chat: from a directory, or an Adapter of a cluster whose store is on this machine. */
import type { Adapter } from "../operator/api/kinds.ts";
import { UsageError } from "../terminal/arguments.ts";
import { locationsOf } from "../trainer/contract/locations.ts";
import { Chat, type ChatOptions } from "../trainer/generation/chat.ts";
import { methodToRun } from "../trainer/methods/index.ts";
import { Objects } from "../trainer/stores/objects.ts";
import { Stores } from "../trainer/stores/stores.ts";
import { readAdapter, readPeftAdapter } from "../trainer/weights/adapterSource.ts";
import { adapterConfigFile } from "../trainer/weights/peftConfig.ts";
import { localModel, type StoredModel } from "../trainer/weights/storedModel.ts";
import { verifiedBase } from "../trainer/weights/verifiedBase.ts";
import type { Speaker } from "./conversation.ts";
import { openPlace, pinnedPlace } from "./foreignPlaces.ts";

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

/** A model in Hugging Face's layout, or an adapter in PEFT's on top of the model `base`: directories or URIs. */
export async function speakerOfPlace(
  place: string,
  base: string | undefined,
  options: SpeakerOptions & { readonly claims?: ReadonlyMap<string, string> },
): Promise<OpenSpeaker> {
  const stores = new Stores({ claims: options.claims ?? new Map(), ...(options.log && { log: options.log }) });
  const uri = await pinnedPlace(stores, place);
  const adapter = await readPeftAdapter(stores, uri);
  if (adapter && base === undefined) {
    throw new UsageError(`${place} holds an adapter: name its base model with --base DIR`);
  }
  if (!adapter && base !== undefined) {
    throw new UsageError(`${place} holds no adapter (${adapterConfigFile} is missing): remove --base`);
  }
  const model = await openPlace(stores, base ?? place, options.log);
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
