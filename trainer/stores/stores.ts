/**
 * Which store a URI belongs to, by its scheme. `pvc://CLAIM/PATH` is the directory where the claim is mounted:
 * `/luthier/claims/CLAIM` in a pod, or what `--claim CLAIM=DIRECTORY` says.
 */
import path from "node:path";
import { fileURLToPath } from "node:url";
import { invalid } from "../failure.ts";
import { LocalStore } from "./localStore.ts";
import type { Store } from "./store.ts";

export interface StoreOptions {
  /** Directories of claims by name; the others lie under `claimsRoot`. */
  claims?: ReadonlyMap<string, string>;
  claimsRoot?: string;
  /** Stores by scheme ("file:"), beside or in place of the usual ones. */
  schemes?: ReadonlyMap<string, Store>;
}

export class Stores {
  readonly #byScheme: ReadonlyMap<string, Store>;

  constructor(options: StoreOptions = {}) {
    this.#byScheme = new Map<string, Store>([
      ["file:", new LocalStore(fileURLToPath)],
      ["pvc:", new LocalStore((uri) => claimPath(uri, options))],
      ...(options.schemes ?? []),
    ]);
  }

  /** The store of a URI. Throws a failure that names the schemes there are. */
  of(uri: string): Store {
    const scheme = /^[a-z0-9]+:/.exec(uri)?.[0] ?? "";
    const store = this.#byScheme.get(scheme);
    if (store) return store;
    const known = [...this.#byScheme.keys()].map((name) => `${name}//`).join(" and ");
    throw invalid("UnknownStore", `${uri}: no store of this kind; known are ${known}`);
  }
}

const claimUri = /^pvc:\/\/([^/]+)((?:\/[^/]+)*)\/?$/;

function claimPath(uri: string, { claims, claimsRoot }: StoreOptions): string {
  const [, claim = "", rest = ""] = claimUri.exec(uri) ?? [];
  const parts = rest.split("/").slice(1);
  if (claim === "" || parts.some((part) => part === "." || part === "..")) {
    throw invalid("InvalidUri", `${uri}: not of the form pvc://CLAIM/PATH`);
  }
  const root = claimsRoot ?? process.env.LUTHIER_CLAIMS ?? "/luthier/claims";
  return path.join(claims?.get(claim) ?? path.join(root, claim), ...parts);
}
