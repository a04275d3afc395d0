/**
 * A program from a package of the distribution, where a build from its Go module takes minutes. The package is unpacked into the
 * cache and not installed, because its server would start with the machine.
 */
import { readdirSync } from "node:fs";
import path from "node:path";
import { run } from "../../terminal/runProgram.ts";
import { cached } from "../../tools/setup/cache.ts";

/** Path of `program` in the package. */
export async function debianProgram(name: string, program: string): Promise<string> {
  const directory = await cached(program, "distribution", async (work) => {
    const download = () => run("apt-get", ["-o", "Acquire::Retries=3", "download", name], { cwd: work });
    await download().catch(async () => {
      // The lists of packages are missing or old.
      await run("apt-get", ["-o", "Acquire::Retries=3", "update"]);
      await download();
    });
    const [archive = ""] = readdirSync(work).filter((file) => file.endsWith(".deb"));
    await run("dpkg-deb", ["--extract", path.join(work, archive), work]);
  });
  return path.join(directory, "usr/bin", program);
}
