/** Checks for a Dagger engine before the SDK is used, which would silently download one. */
import { existsSync } from "node:fs";
import path from "node:path";

export const noEngine = `No Dagger engine was found: run this as "dagger run npm run dagger -- …", or put the dagger
program on PATH (https://docs.dagger.io/install). Nothing was done. Without Dagger, see images/README.md, and run
"helm package charts/luthier".`;

/** Finds an engine and points the SDK to it; false if there is none. */
export function findEngine(env: NodeJS.ProcessEnv = process.env): boolean {
  if (env.DAGGER_SESSION_PORT !== undefined) return true;
  const program = (env.PATH ?? "")
    .split(path.delimiter)
    .map((directory) => path.join(directory, "dagger"))
    .find((file) => existsSync(file));
  if (program === undefined) return false;
  env._EXPERIMENTAL_DAGGER_CLI_BIN ??= program;
  return true;
}
