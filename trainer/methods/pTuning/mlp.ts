/** MLP(E) with E [n, d] and three layers d → h → h → d with ReLU between. */
import type { Tensor } from "../../graph/tensor.ts";
import { relu } from "../../ops/relu/op.ts";
import { affine, type Encoder, embedding, embeddings, hostAffine, hostRelu, parametersOf } from "./layers.ts";

/** PEFT's numbers of the layers. */
const layers = ["mlp_head.0", "mlp_head.2", "mlp_head.4"] as const;

export const mlpEncoder: Encoder = {
  prompt(site, tokens, hidden) {
    const { width } = site;
    const widths = [width, hidden, hidden, width];
    const theta = embeddings(site, tokens);
    const parts = layers.map((name, index) => {
      const [from, to] = [widths[index]!, widths[index + 1]!];
      const { matrix, bias } = parametersOf(site, from);
      return { weight: matrix(`${name}.weight`, to, from), bias: bias(`${name}.bias`, to) };
    });
    return ({ graph, read }) =>
      parts.reduce((from: Tensor, { weight, bias }, index) => {
        const x = index === 0 ? from : relu.node(graph, { x: from }, {}).y;
        return affine(graph, [{ x, w: read(weight) }], [read(bias)]);
      }, read(theta));
  },
  encoded: (parameter, tokens) =>
    layers.reduce((from: Float32Array, name, index) => {
      const x = index === 0 ? from : hostRelu(from);
      return hostAffine(x, parameter(`${name}.weight`), parameter(`${name}.bias`), tokens);
    }, parameter(embedding)),
};
