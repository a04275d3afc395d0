/** Is there a Dagger engine to work with? The SDK would download one by itself; a pipeline should not surprise anybody so. */
import { existsSync } from "node:fs";
import path from "node:path";

export const noEngine = `There is no Dagger engine here: run this as "dagger run npm run dagger -- …", or put the dagger
program on PATH (https://docs.dagger.io/install). Nothing was done. Without Dagger: images/README.md, and
"helm package charts/luthier".`;

/** Finds an engine and points the SDK to it; false when there is none. */
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
