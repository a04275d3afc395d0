/**
 * `npm run soak -- adapters`: reads and uses many randomly damaged adapters of every method, in a process whose native code
 * runs under AddressSanitizer and UndefinedBehaviorSanitizer. An error names the number of the adapter.
 */
import { spawn, spawnSync } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Stage } from "../../terminal/stages.ts";
import { buildNative } from "../../trainer/native/build.ts";
import { buildDirectory } from "../../trainer/native/paths.ts";

/** Adapters with the numbers from `first`. */
export function adapterStages(first: number, count: number): { stages: Stage[]; close(): void } {
  return {
    stages: [
      { title: "native code with sanitizers", run: built },
      { title: `${count} damaged adapters`, run: (report) => readAll(first, count, report) },
    ],
    close: () => {},
  };
}

async function built(): Promise<string> {
  await buildNative("sanitize");
  return "built";
}

async function readAll(first: number, count: number, report: Parameters<Stage["run"]>[0]): Promise<string> {
  const runtime = spawnSync(process.env.CXX ?? "g++", ["-print-file-name=libasan.so"], { encoding: "utf8" });
  const reader = fileURLToPath(new URL("adapterReader.ts", import.meta.url));
  const child = spawn(process.execPath, [reader, String(first), String(count)], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      LUTHIER_NATIVE_BUILD: path.join(buildDirectory, "sanitize"),
      // Node itself is not built with the sanitizer, which must be loaded first; leaks of Node are not reported.
      LD_PRELOAD: runtime.stdout.trim(),
      ASAN_OPTIONS: "detect_leaks=0",
    },
  });
  let [used, done, errors] = [0, 0, ""];
  child.stderr.on("data", (text: Buffer) => {
    errors = (errors + text.toString()).slice(-4000);
  });
  for await (const line of createInterface({ input: child.stdout })) {
    [done = 0, used = 0] = line.split(" ").map(Number);
    report({ message: `${done} of ${count}`, fraction: done / count });
  }
  const code = child.exitCode ?? (await new Promise<number | null>((resolve) => child.on("exit", resolve)));
  if (code !== 0 || done !== count) throw new Error(`after adapter ${first + done}: ${errors}`);
  return `${used} of ${count} are used, the others refused with a failure that names the fault`;
}
