/**
 * Recomputes activations instead of keeping them: forward nodes whose results are not kept are cloned before the
 * backward pass of their block. The same nodes on the same inputs give bit-identical results.
 *
 * Two save-sets are on the hull of (bytes, time): everything, and block inputs alone. Between them lies one more, since
 * ops bound by memory (norms, gates, dropout) cost next to nothing to compute again.
 */
import { mapTensors, type Node, readsOf, tensorsOf } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";

/**
 * Without recomputed blocks everything is kept; else these blocks keep only their inputs, the others all but cheap
 * results.
 */
export function recompute(nodes: readonly Node[], blocks: ReadonlySet<number>): Node[] {
  if (blocks.size === 0) return [...nodes];
  const dropped = (node: Node) =>
    !node.backward && node.block !== undefined && (blocks.has(node.block) || node.op.cheap);
  const producers = new Map<Tensor, Node>();
  for (const node of nodes)
    if (dropped(node)) for (const output of tensorsOf(node.outputs)) producers.set(output, node);
  const replays = new Map<number, ReadonlyMap<Tensor, Tensor>>();
  return nodes.flatMap((node) => {
    const { block } = node;
    if (!node.backward || block === undefined) return [node];
    const known = replays.get(block);
    if (known) return [mapTensors(node, (tensor) => known.get(tensor) ?? tensor)];
    const clones = replay(neededNodes(nodes, block, producers), block);
    replays.set(block, clones.renamed);
    return [...clones.nodes, mapTensors(node, (tensor) => clones.renamed.get(tensor) ?? tensor)];
  });
}

/** The block's forward nodes, in order, that its backward pass depends on. */
function neededNodes(nodes: readonly Node[], block: number, producers: ReadonlyMap<Tensor, Node>): Node[] {
  const needed = new Set<Node>();
  const require = (tensor: Tensor): void => {
    const producer = producers.get(tensor);
    if (!producer || producer.block !== block || needed.has(producer)) return;
    needed.add(producer);
    for (const read of readsOf(producer)) require(read);
  };
  for (const node of nodes) if (node.backward && node.block === block) for (const read of readsOf(node)) require(read);
  return nodes.filter((node) => needed.has(node));
}

function replay(forward: readonly Node[], block: number): { nodes: Node[]; renamed: Map<Tensor, Tensor> } {
  const renamed = new Map<Tensor, Tensor>();
  for (const node of forward) {
    for (const output of tensorsOf(node.outputs)) renamed.set(output, { ...output, name: `${output.name} again` });
  }
  const nodes = forward.map((node) => ({
    ...mapTensors(node, (tensor) => renamed.get(tensor) ?? tensor),
    backward: true,
    block,
  }));
  return { nodes, renamed };
}
