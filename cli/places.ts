/** Directories and URIs as people name them on the command line. */
import path from "node:path";
import { UsageError } from "../terminal/arguments.ts";

export interface Place {
  readonly uri: string;
  /** The claim that stands for a directory of this machine. */
  readonly claims: ReadonlyMap<string, string>;
}

export const isUri = (text: string) => /^[a-z0-9]+:\/\//.test(text);

/** A URI as it is; anything else is a directory, which may have any name and so goes through a claim called `claim`. */
export function placeOf(text: string, claim: string): Place {
  if (text === "") throw new UsageError("a directory or URI has a name");
  if (isUri(text)) return { uri: text.replace(/\/+$/, ""), claims: new Map() };
  return { uri: `pvc://${claim}`, claims: new Map([[claim, path.resolve(text)]]) };
}
