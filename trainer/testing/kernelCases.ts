/**
 * The cases of every op, in F32 and BF16, from `ops/<op>/cases.ts`. Tests, sanitizer runs and other machines share
 * them.
 */
import type { AnyOp } from "../graph/op.ts";
import { computing, ops } from "../ops/index.ts";
import { type Activation, restartSeeds } from "./caseOperands.ts";
import type { OpCase } from "./opCases.ts";

/** The interpreter of the CUDA kernels runs cases below this size: larger ones take most of the time and no other path. */
export const interpretedBytes = 40_000;

const activations: readonly Activation[] = ["F32", "BF16"];

/** Throws an error that names an op without cases. */
export async function kernelCases(listed: readonly AnyOp[] = computing(ops)): Promise<OpCase[]> {
  const all: OpCase[] = [];
  for (const op of listed) all.push(...(await casesOf(op)));
  return all;
}

async function casesOf({ name }: AnyOp): Promise<OpCase[]> {
  const file = `ops/${name}/cases.ts`;
  const { cases }: { cases?: (act: Activation) => OpCase[] } = await import(`../${file}`).catch((error: unknown) => {
    throw new Error(`op ${name} has no cases: write trainer/${file}`, { cause: error });
  });
  restartSeeds();
  const made = activations.flatMap((act) => cases?.(act) ?? []).filter(({ op }) => op.name === name);
  if (made.length === 0) throw new Error(`trainer/${file} has no cases of ${name}: export \`cases\``);
  return made;
}
