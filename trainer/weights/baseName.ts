/**
 * What a base is called outside: `from_pretrained` and every program that loads an adapter take a repository of the hub
 * and its revision, or a directory; none takes the URI of a store. Pure.
 */

export interface BaseName {
  /** ORG/NAME, or a relative path (`./…`), which no program takes for a repository. */
  readonly name: string;
  readonly revision: string | null;
}

export interface BaseFacts {
  readonly uri: string;
  /** The revision that the manifest asks for; undefined: whatever the repository has. */
  readonly revision: string | undefined;
  /** The commit that the hub gave for it. */
  readonly commit: string;
  /** The content of config.json. */
  readonly config: unknown;
}

const part = "[A-Za-z0-9][A-Za-z0-9._-]{0,95}";
const hubUri = new RegExp(`^hf://(${part}/${part})$`);
/** A repository as the hub's own cache lays it out: models--ORG--NAME/snapshots/COMMIT. */
const hubCache = new RegExp(`/models--(${part}?)--(${part})/snapshots/([0-9a-f]{40})/?$`);
const repository = new RegExp(`^(?!.*/checkpoint-\\d+$)${part}/${part}$`);

export function baseNameOf({ uri, revision, commit, config }: BaseFacts): BaseName {
  const [, ofHub] = hubUri.exec(uri) ?? [];
  if (ofHub !== undefined) return { name: ofHub, revision: revision === undefined ? null : commit };
  const [, organisation, name, snapshot] = hubCache.exec(uri) ?? [];
  if (snapshot !== undefined) return { name: `${organisation}/${name}`, revision: snapshot };
  const recorded = nameIn(config);
  if (recorded !== undefined && repository.test(recorded)) return { name: recorded, revision: null };
  return { name: relativePath(uri), revision: null };
}

/** The repository that a model was loaded from when it was saved, as transformers 4 records it. */
function nameIn(config: unknown): string | undefined {
  if (typeof config !== "object" || config === null || !("_name_or_path" in config)) return undefined;
  return typeof config._name_or_path === "string" ? config._name_or_path : undefined;
}

/** The path below the claim or bucket, or of the claim itself. */
function relativePath(uri: string): string {
  const [, claim = "", path = ""] = /^[a-z0-9]+:\/\/([^/]*)\/*(.*?)\/*$/.exec(uri) ?? [];
  return `./${path || claim}`;
}
