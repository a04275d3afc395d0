/** The loss over a vocabulary, with and without its gradients. */
import { type Activation, asWeight, empty, indices, make, random } from "../../testing/caseOperands.ts";
import type { OpCase, TestOperand } from "../../testing/opCases.ts";
import { linearCrossEntropy } from "./op.ts";

export function cases(act: Activation): OpCase[] {
  return (
    [
      [1, 4, 3],
      [7, 33, 1025],
      [70, 64, 2100],
    ] as const
  ).flatMap(([R, d, V]) => {
    const h = random(act, [R, d]);
    const lossWeight: TestOperand = {
      dtype: "F32",
      shape: [R],
      values: Array.from({ length: R }, (_, r) => (r % 3 === 1 ? 0 : 0.1 + r / 100)),
    };
    const inputs = {
      h,
      w: asWeight(random(act, [V, d], 0.5)),
      target: indices(R, V),
      lossWeight,
      loss: { dtype: "F64" as const, shape: [1], values: [0.5] },
    };
    const nll = empty("F32", [R]);
    const label = `${R}×${d}×${V}`;
    const both = { ...inputs, dW: random("F32", [V, d]), nll, dh: empty(act, [R, d]) };
    return [
      make(linearCrossEntropy, `${label} loss alone`, act, {}, { ...inputs, nll }),
      make(linearCrossEntropy, `${label} dh`, act, {}, { ...inputs, nll, dh: empty(act, [R, d]) }),
      make(linearCrossEntropy, `${label} dh and dW`, act, {}, both),
      make(linearCrossEntropy, `${label} capped`, act, { softcap: 2 }, both),
      make(linearCrossEntropy, `${label} smoothed loss`, act, { smoothing: 0.1 }, { ...inputs, nll }),
      make(
        linearCrossEntropy,
        `${label} smoothed dh`,
        act,
        { smoothing: 0.1 },
        { ...inputs, nll, dh: empty(act, [R, d]) },
      ),
      make(linearCrossEntropy, `${label} capped and smoothed`, act, { softcap: 2, smoothing: 0.3 }, both),
    ];
  });
}
