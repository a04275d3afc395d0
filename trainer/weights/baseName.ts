/**
 * The name of a base for other programs: `from_pretrained` and every program that loads an adapter accept a repository
 * of the hub with its revision, or a directory, but not the URI of a store. Pure.
 */

export interface BaseName {
  /** ORG/NAME, or a relative path (`./…`), which no program mistakes for a repository. */
  readonly name: string;
  readonly revision: string | null;
}

export interface BaseFacts {
  readonly uri: string;
  /** The revision in the manifest; undefined: the repository's default. */
  readonly revision: string | undefined;
  /** The commit that the hub resolved it to. */
  readonly commit: string;
  /** The content of config.json. */
  readonly config: unknown;
}

const part = "[A-Za-z0-9][A-Za-z0-9._-]{0,95}";
const hubUri = new RegExp(`^hf://(${part}/${part})$`);
/** A repository in the layout of the hub's cache: models--ORG--NAME/snapshots/COMMIT. */
const hubCache = new RegExp(`/models--(${part}?)--(${part})/snapshots/([0-9a-f]{40})/?$`);
const repository = new RegExp(`^(?!.*/checkpoint-\\d+$)${part}/${part}$`);

/** Whether a name can be that of a repository of the hub, not a path. */
export const isRepository = (name: string): boolean => repository.test(name);

export function baseNameOf({ uri, revision, commit, config }: BaseFacts): BaseName {
  const [, ofHub] = hubUri.exec(uri) ?? [];
  if (ofHub !== undefined) return { name: ofHub, revision: revision === undefined ? null : commit };
  const [, organisation, name, snapshot] = hubCache.exec(uri) ?? [];
  if (snapshot !== undefined) return { name: `${organisation}/${name}`, revision: snapshot };
  const recorded = nameIn(config);
  if (recorded !== undefined && repository.test(recorded)) return { name: recorded, revision: null };
  return { name: relativePath(uri), revision: null };
}

/** The repository that a model was originally loaded from, as transformers 4 records it. */
function nameIn(config: unknown): string | undefined {
  if (typeof config !== "object" || config === null || !("_name_or_path" in config)) return undefined;
  return typeof config._name_or_path === "string" ? config._name_or_path : undefined;
}

/** The path below the claim or bucket, or the name of the claim itself. */
function relativePath(uri: string): string {
  const [, claim = "", path = ""] = /^[a-z0-9]+:\/\/([^/]*)\/*(.*?)\/*$/.exec(uri) ?? [];
  return `./${path || claim}`;
}
