/**
 * Writes the test cases of the kernels as files, to be run with `luthier-exec` on a machine without Node.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { optionOf, UsageError } from "../../terminal/arguments.ts";
import { helpOption, runScript } from "../../terminal/script.ts";
import { kernelCases } from "../../trainer/testing/kernelCases.ts";
import { opCase } from "../../trainer/testing/opCases.ts";

const usage = {
  command: "node tools/node24.mjs test/bench/cases.ts",
  positionals: ["DIR"],
  summary: "Writes the kernels' test cases into DIR, a file each, for luthier-exec on any machine.",
  details: [
    "  node tools/node24.mjs test/bench/cases.ts cases --op rmsNorm",
    "  trainer/native/build/luthier-exec --backend cpu --against reference64 cases/*",
  ],
  options: { op: { value: "NAME", help: "only the cases of this op" }, help: helpOption },
} as const;

await runScript(usage, async (args) => {
  const [directory = ""] = args.positionals;
  const only = optionOf(args, "op");
  const cases = (await kernelCases()).filter(({ op }) => only === undefined || op.name === only);
  if (cases.length === 0) throw new UsageError(`--op: there is no case of ${only}`);
  mkdirSync(directory, { recursive: true });
  for (const one of cases) {
    writeFileSync(path.join(directory, `${one.name.replaceAll(/[^\w.-]+/g, "-")}.case`), opCase(one));
  }
  process.stdout.write(`${cases.length} cases in ${directory}\n`);
  return undefined;
});
