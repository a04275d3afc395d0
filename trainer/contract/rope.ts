/**
 * The rotary position embedding that config.json declares: its base and the scaling of its frequencies. Reads
 * `rope_parameters` and the older `rope_scaling` as transformers 5 does. An unknown form is refused by name and never
 * treated as plain.
 */
import { z } from "zod";

/** How the frequencies differ from the plain ones; `models/rope.ts` has the equations. */
export type RopeScaling =
  | { readonly type: "linear"; readonly factor: number }
  | {
      readonly type: "llama3";
      readonly factor: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
      readonly originalContext: number;
    }
  | {
      readonly type: "longrope";
      /** Divisors of the frequencies, for sequences up to the original context and for longer ones. */
      readonly shortFactor: readonly number[];
      readonly longFactor: readonly number[];
      readonly originalContext: number;
      /** Factor of the cosines and sines. */
      readonly attentionFactor: number;
    }
  | {
      readonly type: "yarn";
      readonly factor: number;
      readonly originalContext: number;
      /** Factor of the cosines and sines. */
      readonly attentionFactor: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      readonly truncate: boolean;
    };

export interface Rope {
  readonly theta: number;
  /** Absent: plain frequencies. */
  readonly scaling?: RopeScaling;
  /** The share of a head that is rotated, its first elements. Absent: all. */
  readonly share?: number;
  /** Queries times 1 + beta · ln(1 + ⌊position / originalContext⌋). */
  readonly queryScaling?: { readonly beta: number; readonly originalContext: number };
}

/** The rotary embedding of a family: its default base, and whether it is Phi-3's, which may rotate heads in part. */
export interface RopeRules {
  readonly theta?: number | undefined;
  readonly isPhi?: boolean | undefined;
  /** Ministral 3: the parameters have `llama_4_scaling_beta`. */
  readonly scalesQueries?: boolean | undefined;
  /** `rope_parameters` where config.json has none. */
  readonly usual?: Members | undefined;
}

/** The fields of config.json that declare it. */
export const rawRope = {
  rope_theta: z.number().nullish(),
  rope_parameters: z.unknown().optional(),
  rope_scaling: z.unknown().optional(),
  partial_rotary_factor: z.unknown().optional(),
  original_max_position_embeddings: z.number().nullish(),
};

interface RopeFields {
  rope_theta?: number | null | undefined;
  rope_parameters?: unknown;
  rope_scaling?: unknown;
  partial_rotary_factor?: unknown;
  original_max_position_embeddings?: number | null | undefined;
  max_position_embeddings: number;
}

const defaultTheta = 10_000;

type Refuse = (message: string) => never;

/** The rotary embedding of a configuration; `refuse` throws an error that names the field and the fix. */
export function readRope(declared: RopeFields, refuse: Refuse, rules: RopeRules = {}): Rope {
  const fields = rules.usual && !hasRope(declared) ? { ...declared, rope_parameters: rules.usual } : declared;
  const given = (["rope_scaling", "rope_parameters"] as const).flatMap((field) => {
    const members = membersOf(field, fields[field], refuse);
    return members === undefined ? [] : [{ field, rope: ropeOf({ field, members, fields, refuse, rules }) }];
  });
  const share = shareOf("partial_rotary_factor", fields.partial_rotary_factor, refuse, rules);
  const [first, second] = given;
  if (first && second && JSON.stringify(first.rope) !== JSON.stringify(second.rope)) {
    refuse("rope_scaling and rope_parameters contradict each other; remove one of them");
  }
  const rope = first?.rope ?? { theta: fields.rope_theta ?? rules.theta ?? defaultTheta };
  return { ...rope, ...(share !== undefined && rope.share === undefined && { share }) };
}

const hasRope = ({ rope_parameters: parameters, rope_scaling: scaling }: RopeFields): boolean =>
  [parameters, scaling].some((value) => value !== undefined && value !== null);

type Members = Readonly<Record<string, unknown>>;

/** The members of one of the two fields; undefined when it is absent, null or empty. */
function membersOf(field: string, value: unknown, refuse: Refuse): Members | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "object" || Array.isArray(value)) {
    return refuse(`${field} is ${shown(value)}; it must be an object with rope_type and its numbers, or null`);
  }
  const members = Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
  const nested = Object.entries(members).find(([, member]) => typeof member === "object" && !Array.isArray(member));
  if (nested) {
    refuse(
      `${field}.${nested[0]} ${shown(nested[1])} is not supported: all layers must share one rotary embedding; ` +
        `write its numbers into ${field}`,
    );
  }
  return Object.keys(value).length === 0 ? undefined : members;
}

const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
};

interface Given {
  readonly field: string;
  readonly members: Members;
  readonly fields: RopeFields;
  readonly refuse: Refuse;
  readonly rules: RopeRules;
}

/** Phi-3's types: LongRoPE, which its first configurations name otherwise. */
const phiTypes: Readonly<Record<string, RopeType>> = {
  default: "default",
  longrope: "longrope",
  su: "longrope",
  yarn: "longrope",
};
const usualTypes = ["default", "linear", "dynamic", "llama3", "yarn"];

function typeOf({ field, members, refuse, rules }: Given): RopeType {
  const named = members.rope_type ?? members.type ?? "default";
  if (members.type !== undefined && members.type !== named) {
    refuse(
      `${field}.rope_type ${shown(named)} and ${field}.type ${shown(members.type)} contradict each other; remove one of them`,
    );
  }
  const supported = rules.isPhi ? Object.keys(phiTypes) : usualTypes;
  const type = typeof named === "string" && supported.includes(named) ? (phiTypes[named] ?? named) : undefined;
  const known = rules.isPhi ? type : named;
  if (type === undefined || !isType(known)) {
    return refuse(`${field}.rope_type ${shown(named)} is not supported; supported: ${supported.join(", ")}`);
  }
  return known;
}

function ropeOf(given: Given): Rope {
  const { field, members, fields, refuse, rules } = given;
  const type = typeOf(given);
  const known = new Set<string>([...commonMembers, ...typeMembers[type], ...(rules.scalesQueries ? queryMembers : [])]);
  const strange = Object.keys(members).find((name) => !known.has(name));
  if (strange !== undefined) {
    refuse(`${field}.${strange} ${shown(members[strange])} is not supported with rope_type ${JSON.stringify(type)}`);
  }
  const share = shareOf(`${field}.partial_rotary_factor`, members.partial_rotary_factor, refuse, rules);
  const numbers = new Numbers(field, members, refuse);
  const theta = thetaOf(numbers, fields, refuse) ?? rules.theta ?? defaultTheta;
  if (type === "yarn" && theta <= 1) refuse(`rope_theta is ${theta}; with YaRN it must be above 1`);
  const scaling = scalingOf(type, numbers, fields);
  const queryScaling = rules.scalesQueries && {
    beta: numbers.required("llama_4_scaling_beta", 0),
    originalContext: numbers.required("original_max_position_embeddings", 1),
  };
  return {
    theta,
    ...(scaling && { scaling }),
    ...(share !== undefined && { share }),
    ...(queryScaling && { queryScaling }),
  };
}

function thetaOf(numbers: Numbers, { rope_theta: beside }: RopeFields, refuse: Refuse): number | undefined {
  const inside = numbers.optional("rope_theta");
  if (inside !== undefined && typeof beside === "number" && beside !== inside) {
    refuse(`rope_theta ${beside} and ${numbers.field}.rope_theta ${inside} contradict each other; remove one of them`);
  }
  return inside ?? beside ?? undefined;
}

/** The share of a head that is rotated; undefined for the whole. */
function shareOf(field: string, value: unknown, refuse: Refuse, { isPhi }: RopeRules): number | undefined {
  if (value === undefined || value === null || value === 1) return undefined;
  if (!isPhi) return refuse(`${field} ${shown(value)} is not supported; supported: 1`);
  if (typeof value === "number" && value > 0 && value < 1) return value;
  return refuse(`${field} is ${shown(value)}; it must be a number above 0, at most 1`);
}

const commonMembers = ["type", "rope_type", "rope_theta", "partial_rotary_factor"];
/** `max_position_embeddings` repeats the configuration's own and has no effect. */
const queryMembers = ["llama_4_scaling_beta", "original_max_position_embeddings", "max_position_embeddings"];
/** The members that each type reads; `finetuned` of YaRN's first configurations has no effect. */
const typeMembers = {
  default: [],
  linear: ["factor"],
  dynamic: ["factor"],
  longrope: ["factor", "short_factor", "long_factor", "original_max_position_embeddings", "attention_factor"],
  llama3: ["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"],
  yarn: [
    ...["factor", "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow"],
    ...["mscale", "mscale_all_dim", "truncate", "finetuned"],
  ],
} as const;
type RopeType = keyof typeof typeMembers;
const isType = (type: unknown): type is RopeType => typeof type === "string" && Object.hasOwn(typeMembers, type);
/** The types that are read, by the names of transformers. */
export const ropeTypes: readonly string[] = Object.keys(typeMembers);

function scalingOf(type: RopeType, numbers: Numbers, fields: RopeFields): RopeScaling | undefined {
  switch (type) {
    case "default":
      return undefined;
    case "linear":
      return { type, factor: numbers.required("factor", 1) };
    case "dynamic":
      // Dynamic scaling starts beyond max_position_embeddings, and no sequence here is longer.
      numbers.required("factor", 1);
      return undefined;
    case "llama3":
      return llama3Of(numbers, originalContext(numbers, fields));
    case "longrope":
      return longRopeOf(numbers, fields);
    case "yarn":
      return yarnOf(numbers, originalContext(numbers, fields), fields.max_position_embeddings);
  }
}

/** The context of the original training; the top-level field takes precedence, as in transformers for Phi-3. */
function originalContext(numbers: Numbers, fields: RopeFields): number {
  const field = "original_max_position_embeddings";
  const { [field]: beside, max_position_embeddings: context } = fields;
  const inside = numbers.optional(field, 1);
  if (typeof beside === "number" && beside < 1) numbers.refuse(`${field} is ${beside}; it must be a number from 1`);
  return beside ?? inside ?? context;
}

function llama3Of(numbers: Numbers, context: number): RopeScaling {
  const [lowFreqFactor, highFreqFactor] = [numbers.required("low_freq_factor"), numbers.required("high_freq_factor")];
  if (lowFreqFactor >= highFreqFactor) {
    numbers.refuse(
      `${numbers.field}.low_freq_factor ${lowFreqFactor} must be under high_freq_factor ${highFreqFactor}`,
    );
  }
  const factor = numbers.required("factor", 1);
  return { type: "llama3", factor, lowFreqFactor, highFreqFactor, originalContext: context };
}

/** Phi-3's original context, where config.json omits it. */
const phiContext = 4096;

/** LongRoPE (Ding et al. 2024) as transformers reads it: the factor of cosines and sines from the contexts' ratio. */
function longRopeOf(numbers: Numbers, fields: RopeFields): RopeScaling {
  const field = "original_max_position_embeddings";
  const context = fields[field] ?? numbers.optional(field, 1) ?? phiContext;
  const factor = numbers.optional("factor", 1) ?? fields.max_position_embeddings / context;
  const usual = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(context));
  return {
    type: "longrope",
    shortFactor: numbers.list("short_factor"),
    longFactor: numbers.list("long_factor"),
    originalContext: context,
    attentionFactor: numbers.optional("attention_factor") ?? usual,
  };
}

function yarnOf(numbers: Numbers, context: number, maxPositions: number): RopeScaling {
  const factor = numbers.optional("factor", 1) ?? maxPositions / context;
  const [mscale, mscaleAllDim] = [numbers.optional("mscale", 0), numbers.optional("mscale_all_dim", 0)];
  const scaleOf = (by: number) => (factor <= 1 ? 1 : 0.1 * by * Math.log(factor) + 1);
  const usual = mscale && mscaleAllDim ? scaleOf(mscale) / scaleOf(mscaleAllDim) : scaleOf(1);
  return {
    type: "yarn",
    factor,
    originalContext: context,
    attentionFactor: numbers.optional("attention_factor") ?? usual,
    betaFast: numbers.optional("beta_fast") ?? 32,
    betaSlow: numbers.optional("beta_slow") ?? 1,
    truncate: numbers.flag("truncate", true),
  };
}

/** Reads and bounds the members' numbers. */
class Numbers {
  readonly field: string;
  readonly refuse: Refuse;
  readonly #members: Members;

  constructor(field: string, members: Members, refuse: Refuse) {
    this.field = field;
    this.#members = members;
    this.refuse = refuse;
  }

  /** Above 0, or from `least`. */
  optional(name: string, least?: number): number | undefined {
    const value = this.#members[name];
    if (value === undefined) return undefined;
    const enough = typeof value === "number" && (least === undefined ? value > 0 : value >= least);
    if (enough && value <= 1e12) return value;
    const bound = least === undefined ? "above 0" : `from ${least}`;
    return this.refuse(`${this.field}.${name} is ${shown(value)}; it must be a number ${bound}, at most 1e12`);
  }

  required(name: string, least?: number): number {
    return this.optional(name, least) ?? this.refuse(`${this.field}.${name} is missing`);
  }

  /** Numbers above 0, one for each pair of a head's elements. */
  list(name: string): number[] {
    const value = this.#members[name];
    const numbers = Array.isArray(value) && value.length <= 512 ? value : [Number.NaN];
    const good = (one: unknown): one is number => typeof one === "number" && one > 0 && one <= 1e12;
    if (numbers.length > 0 && numbers.every(good)) return numbers;
    return this.refuse(`${this.field}.${name} is ${shown(value)}; it must be a list of numbers above 0`);
  }

  flag(name: string, usual: boolean): boolean {
    const value = this.#members[name] ?? usual;
    return typeof value === "boolean"
      ? value
      : this.refuse(`${this.field}.${name} is ${shown(value)}; it must be true or false`);
  }
}
