/** Regions that are not the arena: bindings of weights, the layout of state, the layout of one program's io. Pure. */
import type { IoTensor, StateRole, StateTensor, Weight } from "../graph/compiled.ts";
import type { Graph } from "../graph/graph.ts";
import { aligned, bytesOf, type Initial, type Tensor } from "../graph/tensor.ts";
import type { Variables } from "../graph/variables.ts";
import type { Location } from "./emit.ts";

export interface WeightTable {
  readonly weights: readonly Weight[];
  readonly locations: ReadonlyMap<Tensor, Location>;
}

/** One binding for each part of each frozen tensor, in the order in which the model names them. */
export function bindWeights(variables: Variables): WeightTable {
  const weights: Weight[] = [];
  const locations = new Map<Tensor, Location>();
  for (const { tensor, parts } of variables.frozen.values()) {
    const bindings = parts.map((part) => weights.push({ ...part, binding: weights.length }) - 1);
    locations.set(tensor, { region: "weights", bindings: [bindings[0] ?? -1, bindings[1] ?? -1, bindings[2] ?? -1] });
  }
  return { weights, locations };
}

export interface StateLayout {
  readonly tensors: readonly StateTensor[];
  readonly locations: ReadonlyMap<Tensor, Location>;
  readonly bytes: number;
}

/** Parameters first, then what is made from them, so that the parts of a checkpoint are runs of bytes. */
export function layOutState(variables: Variables): StateLayout {
  const parameters = [...variables.parameters.values()];
  const scalars = [variables.loss, variables.gradientSquares, variables.gradientNorm, variables.clipFactor];
  const initials = new Map<Tensor, Initial>(parameters.map(({ theta, initial }) => [theta, initial]));
  const entries: [StateRole, Tensor][] = [
    ...parameters.map(({ theta }) => ["parameter", theta] as [StateRole, Tensor]),
    ...parameters.map(({ moment1 }) => ["moment1", moment1] as [StateRole, Tensor]),
    ...parameters.map(({ moment2 }) => ["moment2", moment2] as [StateRole, Tensor]),
    ...parameters.flatMap(({ theta, phi }) => (phi === theta ? [] : [["derived", phi] as [StateRole, Tensor]])),
    ...parameters.map(({ gradient }) => ["gradient", gradient] as [StateRole, Tensor]),
    ...scalars.map((scalar) => ["scalar", scalar] as [StateRole, Tensor]),
    ...[...variables.caches.values()].map((cache) => ["cache", cache] as [StateRole, Tensor]),
  ];
  return place(entries, initials);
}

function place(entries: readonly [StateRole, Tensor][], initials: ReadonlyMap<Tensor, Initial>): StateLayout {
  const locations = new Map<Tensor, Location>();
  let bytes = 0;
  const tensors = entries.map(([role, tensor]): StateTensor => {
    const offset = bytes;
    bytes += aligned(bytesOf(tensor));
    locations.set(tensor, { region: "state", offset });
    const { name, dtype, shape } = tensor;
    const initial = initials.get(tensor);
    return { role, name, dtype, shape, offset, ...(initial && { initial }) };
  });
  return { tensors, locations, bytes };
}

export interface IoLayout {
  readonly io: ReadonlyMap<string, IoTensor>;
  readonly locations: ReadonlyMap<Tensor, Location>;
  readonly bytes: number;
}

export function layOutIo(graph: Graph): IoLayout {
  const io = new Map<string, IoTensor>();
  const locations = new Map<Tensor, Location>();
  let bytes = 0;
  for (const [name, tensor] of [...graph.inputs, ...graph.outputs]) {
    io.set(name, { name, dtype: tensor.dtype, shape: tensor.shape, offset: bytes });
    locations.set(tensor, { region: "io", offset: bytes });
    bytes += aligned(bytesOf(tensor));
  }
  return { io, locations, bytes };
}
