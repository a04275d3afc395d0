/**
 * Credentials by the names that people give them (HF_TOKEN, AWS_…): files of a mounted Secret, which follow it when it is
 * rotated; without one the environment's, and then what was saved on this machine (savedCredentials.ts). They are read when they are needed and again when they are refused; they are in no
 * message and in no log.
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

  /** Without a directory it is the environment. */
  constructor(directory: string | undefined, environment: Readonly<Record<string, string | undefined>> = process.env) {
    this.#directory = directory;
    this.#environment = environment;
  }

  async get(): Promise<Credentials> {
    this.#known ??= await this.#read();
    return this.#known;
  }

  /** Looks again; true when they are others than before. */
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

/** The kubelet swaps a whole directory: keys of two rotations are never mixed. */
const currentOf = (directory: string) => realpath(path.join(directory, "..data")).catch(() => directory);

async function valueOfKey(name: string, directory: string): Promise<string | undefined> {
  // A key that a Secret does not have is a file that is not there.
  return await readFile(path.join(directory, name), "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );
}
