/**
 * P-tuning's encoder: MLP(E) with E [n, d] and three layers d → h → h → d with ReLU between, initialised as PyTorch does.
 * As ops once per step in training, and on the host when the adapter is saved.
 */
import type { EmbeddingSite, LatentOptions, Prompt } from "../../graph/site.ts";
import type { Initial, Tensor } from "../../graph/tensor.ts";
import { fill } from "../../ops/fill/op.ts";
import { linear } from "../../ops/linear/op.ts";
import { relu } from "../../ops/relu/op.ts";

/** PEFT's numbers of the layers. */
const layers = ["mlp_head.0", "mlp_head.2", "mlp_head.4"] as const;
const embedding = "embedding";

/** Declares the parameters; a bias is a matrix of one column. */
export function encoder(site: EmbeddingSite, tokens: number, hidden: number): Prompt {
  const { width } = site;
  const widths = [width, hidden, hidden, width];
  const theta = site.latent(embedding, [tokens, width], { kind: "normal", deviation: 1 });
  const parts = layers.map((name, index) => {
    const [from, to] = [widths[index]!, widths[index + 1]!];
    // PyTorch's nn.Linear: uniform within 1/√from, weights and biases alike.
    const start: Initial = { kind: "kaimingUniform", a: Math.sqrt(5), fanIn: from };
    const own = (part: string, columns: number, options?: LatentOptions) =>
      site.latent(`${name}.${part}`, [to, columns], start, options);
    return { weight: own("weight", from), bias: own("bias", 1, { decays: false }) };
  });
  return ({ graph, read }) => {
    const x = read(theta);
    const ones = graph.activation("ones", { dtype: x.dtype, shape: [tokens, 1] });
    fill.into(graph, {}, { value: 1 }, { y: ones });
    return parts.reduce((from: Tensor, { weight, bias }, index) => {
      const operands = { w: read(weight), tailX: ones, tailW: read(bias) };
      const x = index === 0 ? from : relu.node(graph, { x: from }, {}).y;
      return linear.node(graph, { x, ...operands }, { tailScale: 1 }).y;
    }, x);
  };
}

/** The same on the host: the embeddings [n, d] that the adapter holds. */
export function encoded(parameter: (name: string) => Float32Array, tokens: number): Float32Array {
  return layers.reduce((from: Float32Array, name, index) => {
    const x = index === 0 ? from : from.map((value) => Math.max(value, 0));
    return affine(x, parameter(`${name}.weight`), parameter(`${name}.bias`), tokens);
  }, parameter(embedding));
}

/** x·wᵀ + bias, summed in double. */
function affine(x: Float32Array, w: Float32Array, bias: Float32Array, rows: number): Float32Array {
  const [width, out] = [x.length / rows, bias.length];
  return Float32Array.from({ length: rows * out }, (_, index) => {
    const [row, column] = [Math.floor(index / out), index % out];
    let sum = bias[column]!;
    for (let k = 0; k < width; k++) sum += x[row * width + k]! * w[column * width + k]!;
    return sum;
  });
}
