/**
 * AdaLoRA in PEFT's layout: `<module>.lora_A` (r, in), `lora_B` (out, r), `lora_E` (r, 1). The files omit triplets without
 * E, and `rank_pattern` lists them; reading pads with zeros up to the initial rank, which gives the same update.
 */
import type { AdaloraSettings } from "../../contract/methods/adalora.ts";
import { readPlainOptions, unusedOptions } from "../lora/peft.ts";
import { type NamedValues, type PeftFormat, peftPrefix } from "../peft.ts";
import { readSelection, selection, targetsOf } from "../peftTargets.ts";

const parts = ["lora_A", "lora_B", "lora_E"] as const;
type Part = (typeof parts)[number];

/** Index order of a factor's elements: [triplet, other]. B has its triplets in columns. */
const indexOf = (part: Part, rank: number, others: number) => (k: number, i: number) =>
  part === "lora_B" ? i * rank + k : k * others + i;

export const adaloraPeft: PeftFormat<AdaloraSettings> = {
  config: (settings, { modules, parameters, steps }) => ({
    peft_type: "ADALORA",
    r: 8,
    target_r: settings.targetRank,
    init_r: settings.initialRank,
    lora_alpha: settings.alpha,
    lora_dropout: settings.dropout,
    tinit: settings.initialSteps,
    tfinal: settings.finalSteps,
    deltaT: settings.everySteps,
    beta1: settings.beta1,
    beta2: settings.beta2,
    orth_reg_weight: settings.orthogonality,
    total_step: steps,
    target_modules: targetsOf(settings.targetModules, modules),
    ...unusedOptions,
    ...selection(settings),
    rank_pattern: rankPattern(parameters),
    use_rslora: false,
    use_dora: false,
    lora_bias: false,
  }),
  matches: ({ peft_type }) => peft_type === "ADALORA",
  read(members) {
    readPlainOptions(members);
    members.only("bias", ["none"]);
    members.only("use_rslora", [false]);
    // Members that PEFT ignores, needs only in training, or that follow from the tensors' shapes.
    members.ignore(["r", "total_step", "rank_pattern"]);
    return {
      kind: "adalora",
      initialRank: members.whole("init_r", 1, 4096),
      targetRank: members.whole("target_r", 1, 4096),
      alpha: members.positive("lora_alpha"),
      dropout: members.share("lora_dropout"),
      ...readSelection(members),
      initialSteps: members.whole("tinit", 0, 10_000_000),
      finalSteps: members.whole("tfinal", 0, 10_000_000),
      everySteps: members.whole("deltaT", 1, 1_000_000),
      beta1: members.share("beta1"),
      beta2: members.share("beta2"),
      orthogonality: members.notNegative("orth_reg_weight"),
    };
  },
  fault({ key, shape }, { initialRank }, has) {
    const [, site, found] = /^(.+)\.(lora_[ABE])$/.exec(key) ?? [];
    if (site === undefined) return `key ${key} is not an AdaLoRA tensor (….lora_A, ….lora_B, ….lora_E)`;
    const missing = parts.find((part) => !has(`${site}.${part}`));
    if (missing !== undefined) return `${key} is present, but ${site}.${missing} is missing`;
    const [rows = 0, columns = 0] = shape;
    const rank = found === "lora_B" ? columns : rows;
    if (shape.length === 2 && rank <= initialRank && (found !== "lora_E" || columns === 1)) return undefined;
    return `${key} has shape [${shape.join(", ")}], which does not fit init_r = ${initialRank}`;
  },
  toPeft(parameters) {
    const kept = keptOf(parameters);
    return parameters.map(({ name, shape, values }) => {
      const [site, part] = siteOf(name);
      const triplets = (kept.get(site) ?? []).flatMap((isKept, k) => (isKept ? [k] : []));
      const rank = kept.get(site)?.length ?? 0;
      const others = values.length / rank;
      const [from, to] = [indexOf(part, rank, others), indexOf(part, triplets.length, others)];
      const left = new Float32Array(triplets.length * others);
      for (const [k, triplet] of triplets.entries()) {
        for (let i = 0; i < others; i++) left[to(k, i)] = values[from(triplet, i)]!;
      }
      const [rows = 0, columns = 0] = part === "lora_E" ? [shape[0], 1] : shape;
      const stored = part === "lora_B" ? [rows, triplets.length] : [triplets.length, columns];
      return { name: peftPrefix + name, shape: stored, values: left };
    });
  },
  fromPeft(tensors, { initialRank }) {
    return tensors.map(({ name, shape, values }): NamedValues => {
      const own = name.slice(peftPrefix.length);
      const [, part] = siteOf(own);
      const [rows = 0, columns = 0] = shape;
      const [rank, others] = part === "lora_B" ? [columns, rows] : [rows, columns];
      const [from, to] = [indexOf(part, rank, others), indexOf(part, initialRank, others)];
      const filled = new Float32Array(initialRank * others);
      for (let k = 0; k < rank; k++) for (let i = 0; i < others; i++) filled[to(k, i)] = values[from(k, i)]!;
      const whole = { lora_A: [initialRank, others], lora_B: [others, initialRank], lora_E: [initialRank] }[part];
      return { name: own, shape: whole, values: filled };
    });
  },
};

function siteOf(name: string): [site: string, part: Part] {
  const at = name.lastIndexOf(".");
  const part = parts.find((one) => one === name.slice(at + 1));
  if (!part) throw new Error(`${name} is not a parameter of AdaLoRA`);
  return [name.slice(0, at), part];
}

/** For each layer, whether each triplet has an E. */
function keptOf(parameters: readonly NamedValues[]): ReadonlyMap<string, boolean[]> {
  const entries = parameters.flatMap(({ name, values }) => {
    const [site, part] = siteOf(name);
    return part === "lora_E" ? [[site, Array.from(values, (e) => e !== 0)] as const] : [];
  });
  return new Map(entries);
}

/** PEFT's record of the kept triplets; null if all are kept. */
function rankPattern(parameters: readonly NamedValues[]): Readonly<Record<string, boolean[]>> | null {
  const kept = keptOf(parameters);
  if ([...kept.values()].every((triplets) => triplets.every(Boolean))) return null;
  return Object.fromEntries([...kept].map(([site, triplets]) => [`${site}.lora_E`, triplets]));
}
