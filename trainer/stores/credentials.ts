/**
 * Credentials by the names that people give them (HF_TOKEN, AWS_…): files of a mounted Secret, which follow it when it is
 * rotated, or the environment's. They are read when they are needed and again when they are refused; they are in no
 * message and in no log.
 */
import { readFile, realpath } from "node:fs/promises";
import path from "node:path";
import { secretKeys } from "../contract/locations.ts";

const names = [
  ...Object.values(secretKeys).flatMap(({ required, optional }) => [...required, ...optional]),
  "AWS_DEFAULT_REGION",
  "HF_ENDPOINT",
];

export type Credentials = ReadonlyMap<string, string>;

export class CredentialSource {
  readonly #directory: string | undefined;
  #known: Credentials | undefined;

  /** Without a directory it is the environment. */
  constructor(directory: string | undefined) {
    this.#directory = directory;
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
    const directory = this.#directory && (await currentOf(this.#directory));
    const found = await Promise.all(names.map(async (name) => [name, await valueOfKey(name, directory)] as const));
    return new Map(found.flatMap(([name, value]) => (value ? [[name, value] as const] : [])));
  }
}

/** The kubelet swaps a whole directory: keys of two rotations are never mixed. */
const currentOf = (directory: string) => realpath(path.join(directory, "..data")).catch(() => directory);

async function valueOfKey(name: string, directory: string | undefined): Promise<string | undefined> {
  if (directory === undefined) return process.env[name]?.trim();
  // A key that a Secret does not have is a file that is not there.
  return await readFile(path.join(directory, name), "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );
}
