/** Directories and URIs given on the command line. */
import { existsSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { UsageError } from "../terminal/arguments.ts";

export interface Place {
  readonly uri: string;
  /** The claim that represents a directory of this machine. */
  readonly claims: ReadonlyMap<string, string>;
}

/**
 * The URI of data on this machine: a path of a file or a directory, or else a pattern, whose characters a URL would escape.
 * URIs are kept.
 */
export function dataUriOf(given: string): string {
  if (isUri(given)) return given;
  const uri = fileUri(given);
  if (existsSync(given)) return uri;
  return uri.replaceAll(/%(?:3F|5B|5D|5E|7B|7D)/g, decodeURIComponent);
}

/** The URI of a path on this machine. */
export const fileUri = (given: string) => pathToFileURL(path.resolve(given)).href;

/** A model or an adapter: a directory of this machine, or a URI; hf://ORGANISATION/NAME@REVISION names a revision. */
export function modelPlaceOf(given: string): { uri: string; revision?: string } {
  if (given === "") throw new UsageError("the directory or URI is empty: give its name");
  if (!isUri(given)) return { uri: fileUri(given) };
  const [, uri, revision] = /^(hf:\/\/[^@]+)@([^/@]+)$/.exec(given) ?? [];
  return uri === undefined || revision === undefined ? { uri: given.replace(/\/+$/, "") } : { uri, revision };
}

export const isUri = (text: string) => /^[a-z0-9]+:\/\//.test(text);

/** Keeps a URI; maps anything else, a directory with any name, to a claim called `claim`. */
export function placeOf(text: string, claim: string): Place {
  if (text === "") throw new UsageError("the directory or URI is empty: give its name");
  if (isUri(text)) return { uri: text.replace(/\/+$/, ""), claims: new Map() };
  return { uri: `pvc://${claim}`, claims: new Map([[claim, path.resolve(text)]]) };
}
