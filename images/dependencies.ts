// Computes the npm packages that a workspace needs at run time: the closure of its dependencies in package-lock.json.
// Pure; npm has already fetched and checked the packages themselves on this machine.

/** The used fields of an entry of package-lock.json (lockfileVersion 3). */
export interface LockedPackage {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly link?: boolean;
}

export type Lock = Readonly<Record<string, LockedPackage>>;

/** Paths below the repository ("node_modules/zod", "node_modules/a/node_modules/b"), sorted. Throws if one is missing. */
export function productionClosure(lock: Lock, workspace: string): string[] {
  const found = new Set<string>();
  const visit = (from: string): void => {
    const entry = lock[from];
    if (entry === undefined) throw new Error(`package-lock.json has no entry "${from}": run npm install`);
    const optional = { ...entry.optionalDependencies, ...entry.peerDependencies };
    for (const name of Object.keys({ ...entry.dependencies, ...optional })) {
      const location = resolve(lock, from, name);
      if (location === undefined) {
        if (name in optional) continue;
        throw new Error(`package-lock.json: "${from}" needs ${name}, which is not in it`);
      }
      if (found.has(location)) continue;
      found.add(location);
      visit(location);
    }
  };
  visit(workspace);
  return [...found].sort();
}

/** Node's rule: the nearest node_modules above the importing package. */
function resolve(lock: Lock, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/")))) {
    const location = folder === "" ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (lock[location] !== undefined) return location;
    if (folder === "") return undefined;
  }
}
