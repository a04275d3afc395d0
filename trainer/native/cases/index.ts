/**
 * The cases of the native tests: every op in F32 and BF16, at shapes that fit no vector and no tile and at some that do.
 *
 * A list, so that tests, sanitizer runs and other machines use the same ones.
 */
import type { OpCase } from "../../testing/opCases.ts";
import { attentionCases } from "./attention.ts";
import { cacheCases } from "./generation.ts";
import { linearCases } from "./linear.ts";
import { crossEntropyCases } from "./loss.ts";
import { type Activation, startAgain } from "./operands.ts";
import { optimiserCases } from "./optimiser.ts";
import { headNormCases, ropeCases, rowCases } from "./rows.ts";

export function kernelCases(): OpCase[] {
  startAgain();
  const activations: readonly Activation[] = ["F32", "BF16"];
  const perType = activations.flatMap((act) => [
    ...linearCases(act),
    ...attentionCases(act),
    ...rowCases(act),
    ...headNormCases(act),
    ...ropeCases(act),
    ...crossEntropyCases(act),
    ...cacheCases(act),
  ]);
  return [...perType, ...optimiserCases()];
}
