/** Selects a method's layers of a model by the last parts of their names and their layer numbers. Pure. */

export interface Targets {
  readonly targetModules: readonly string[];
  readonly excludeModules: readonly string[];
  /** Empty: all. */
  readonly layers: readonly number[];
}

/** Does the layer's name end with the parts of this pattern? */
export const isNamed = (name: string, pattern: string): boolean => name === pattern || name.endsWith(`.${pattern}`);

/** The layer number in a name: 11 for `model.layers.11.self_attn.q_proj`. */
const layerOf = (name: string): number | undefined => {
  const [, number] = /\.layers\.(\d+)\./.exec(name) ?? [];
  return number === undefined ? undefined : Number(number);
};

/** Whether a layer is adapted; an embedding only by its name. */
export function isTarget(
  name: string,
  { targetModules, excludeModules, layers }: Targets,
  kind: "linear" | "embedding" = "linear",
): boolean {
  const layer = layerOf(name);
  return (
    targetModules.some((target) => (kind === "linear" && target === "all-linear") || isNamed(name, target)) &&
    !excludeModules.some((excluded) => isNamed(name, excluded)) &&
    (layers.length === 0 || (layer !== undefined && layers.includes(layer)))
  );
}

/** The error for layer names that the model lacks, and its fix; undefined if all exist. */
export function targetFault(
  targets: Targets,
  sites: readonly string[],
  /** Parameters of experts are adapted too. */
  hasOthers = false,
): string | undefined {
  const { targetModules, excludeModules, layers } = targets;
  const named = (pattern: string) => pattern === "all-linear" || sites.some((site) => isNamed(site, pattern));
  for (const [field, patterns] of Object.entries({ targetModules, excludeModules })) {
    const unknown = patterns.find((pattern) => !named(pattern));
    if (unknown !== undefined) return unknownModule(field, unknown, sites, field === "targetModules");
  }
  const count = 1 + Math.max(-1, ...sites.map((site) => layerOf(site) ?? -1));
  const beyond = layers.find((layer) => layer >= count);
  if (beyond !== undefined) return `layers: ${beyond} does not exist: this model has layers 0 to ${count - 1}`;
  if (hasOthers || sites.some((site) => isTarget(site, targets))) return undefined;
  return "targetModules, excludeModules and layers leave no layer to adapt: name at least one";
}

export function unknownModule(field: string, name: string, sites: readonly string[], all = false): string {
  const last = (site: string) => site.slice(site.lastIndexOf(".") + 1);
  const known = [...new Set(sites.map(last))].join(", ");
  return `${field}: ${JSON.stringify(name)} is not a linear layer of this model; its layers are ${known}${all ? ", or all-linear" : ""}`;
}

interface TargetParameters {
  readonly targetParameters: readonly string[];
}

/** Whether a parameter of experts is adapted. */
export const isTargetParameter = (name: string, { targetParameters }: TargetParameters): boolean =>
  targetParameters.some((target) => isNamed(name, target));

/** The adapted parameters of a module of experts, in the order of transformers' modules. */
export const adaptedParameters = (module: string, settings: TargetParameters): readonly string[] =>
  ["gate_up_proj", "down_proj"].filter((name) => isTargetParameter(`${module}.${name}`, settings));

/** How often PEFT wraps a module of experts. */
export const wrappersOf = (module: string, settings: TargetParameters): number =>
  adaptedParameters(module, settings).length;
