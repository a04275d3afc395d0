/**
 * Credentials by their usual names (HF_TOKEN, AWS_…): from the files of a mounted Secret, which change when it is
 * rotated; without one from the environment, then from files on this machine (savedCredentials.ts). They are read when
 * needed and again after a store refuses them. No message and no log contains them.
 */
import { readFile, realpath } from "node:fs/promises";
import path from "node:path";
import { secretKeys } from "../contract/locations.ts";
import { savedCredentials } from "./savedCredentials.ts";

const names = [
  ...Object.values(secretKeys).flatMap(({ required, optional }) => [...required, ...optional]),
  "AWS_DEFAULT_REGION",
  "HF_ENDPOINT",
  "HF_SAVED_TOKEN",
];

export type Credentials = ReadonlyMap<string, string>;

export class CredentialSource {
  readonly #directory: string | undefined;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  #known: Credentials | undefined;

  /** Without a directory: credentials of the environment. */
  constructor(directory: string | undefined, environment: Readonly<Record<string, string | undefined>> = process.env) {
    this.#directory = directory;
    this.#environment = environment;
  }

  async get(): Promise<Credentials> {
    this.#known ??= await this.#read();
    return this.#known;
  }

  /** Reads them again; true when they changed. */
  async renew(): Promise<boolean> {
    const before = this.#known;
    this.#known = await this.#read();
    return before === undefined || names.some((name) => before.get(name) !== this.#known?.get(name));
  }

  async #read(): Promise<Credentials> {
    if (this.#directory === undefined) return await this.#ofThisMachine();
    const directory = await currentOf(this.#directory);
    const found = await Promise.all(names.map(async (name) => [name, await valueOfKey(name, directory)] as const));
    return new Map(found.flatMap(([name, value]) => (value ? [[name, value] as const] : [])));
  }

  async #ofThisMachine(): Promise<Credentials> {
    const found = await savedCredentials(this.#environment);
    for (const name of names) {
      const value = this.#environment[name]?.trim();
      if (value) found.set(name, value);
    }
    return found;
  }
}

/** The kubelet swaps the whole directory, so keys of two rotations never mix. */
const currentOf = (directory: string) => realpath(path.join(directory, "..data")).catch(() => directory);

async function valueOfKey(name: string, directory: string): Promise<string | undefined> {
  // A key missing from the Secret is a missing file.
  return await readFile(path.join(directory, name), "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );
}
