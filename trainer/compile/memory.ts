/** The regions other than the arena: bindings of weights, the layout of state, the layout of one program's io. Pure. */
import type { CompileSpec, IoTensor, PagedState, StateTensor, Weight } from "../graph/compiled.ts";
import type { Graph } from "../graph/graph.ts";
import { allRoles, type StateRole, stateRoles } from "../graph/roles.ts";
import { aligned, bytesOf, type Initial, type Tensor } from "../graph/tensor.ts";
import { tensorsOfMoments, type Variables } from "../graph/variables.ts";
import type { Location } from "./emit.ts";

export interface WeightTable {
  readonly weights: readonly Weight[];
  readonly locations: ReadonlyMap<Tensor, Location>;
}

/** One binding per part of each frozen tensor, in the model's order. */
export function bindWeights(variables: Variables): WeightTable {
  const weights: Weight[] = [];
  const locations = new Map<Tensor, Location>();
  for (const { tensor, parts } of variables.frozen.values()) {
    const residual = variables.residuals.get(tensor.name);
    const bindings = parts.map(
      (part) => weights.push({ ...part, binding: weights.length, ...(residual && { residual }) }) - 1,
    );
    locations.set(tensor, { region: "weights", bindings: [bindings[0] ?? -1, bindings[1] ?? -1, bindings[2] ?? -1] });
  }
  return { weights, locations };
}

export interface StateLayout {
  readonly tensors: readonly StateTensor[];
  readonly locations: ReadonlyMap<Tensor, Location>;
  readonly bytes: number;
}

/** State tensors in the order of the table of roles; without training, the training-only roles are omitted. */
export function layOutState(variables: Variables, isTraining: boolean): StateLayout {
  const initials = new Map<Tensor, Initial>(
    [...variables.parameters.values()].map(({ theta, initial }) => [theta, initial]),
  );
  const tensors = variables.state();
  const entries = allRoles
    .filter((role) => isTraining || !stateRoles[role].trainingOnly)
    .flatMap((role) => tensors.filter((tensor) => tensor.role === role).map((tensor) => [role, tensor] as const));
  return place(entries, initials);
}

function place(
  entries: readonly (readonly [StateRole, Tensor])[],
  initials: ReadonlyMap<Tensor, Initial>,
): StateLayout {
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

/** The moments, which lie one after another; an instruction of the optimiser has those of one parameter. */
export function pagedStateOf(
  { device, training }: CompileSpec,
  variables: Variables,
  { tensors }: StateLayout,
): PagedState | undefined {
  const moments = tensors.filter(({ role }) => role === "moment1" || role === "moment2");
  const [first, last] = [moments[0], moments.at(-1)];
  if (device !== "cuda" || !training?.optimizer.paged || !first || !last) return undefined;
  const ofEach = [...variables.parameters.values()].map((parameter) =>
    tensorsOfMoments(parameter.moments).reduce((sum, tensor) => sum + aligned(bytesOf(tensor)), 0),
  );
  const end = last.offset + aligned(bytesOf(last));
  return { offset: first.offset, bytes: end - first.offset, atOnce: Math.max(...ofEach) };
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
  const place = (direction: IoTensor["direction"], tensors: ReadonlyMap<string, Tensor>) => {
    for (const [name, tensor] of tensors) {
      const values = graph.constants.get(name);
      io.set(name, {
        name,
        dtype: tensor.dtype,
        shape: tensor.shape,
        offset: bytes,
        direction,
        ...(values && { values }),
      });
      locations.set(tensor, { region: "io", offset: bytes });
      bytes += aligned(bytesOf(tensor));
    }
  };
  place("in", graph.inputs);
  place("out", graph.outputs);
  return { io, locations, bytes };
}
