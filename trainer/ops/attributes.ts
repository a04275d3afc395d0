/** Bounds of attributes that several ops share. */
import type { Attribute } from "../graph/signature.ts";

export const real = { type: "f32" } satisfies Attribute;
export const integer = { type: "i32" } satisfies Attribute;

/** The number of heads, or of a head's elements. */
export const size = { type: "i32", min: 1, max: 65_536 } satisfies Attribute;

/** Attention requires that each key–value head serves the same number of query heads. */
export const heads = { ...size, multipleOf: "kvHeads" } satisfies Attribute;

/** The number of a layer's experts, and of those of a token. */
export const experts = { type: "i32", min: 1, max: 4096 } satisfies Attribute;
export const topK = { type: "i32", min: 1, max: 64 } satisfies Attribute;

/** `normalized`: the weights of a token's experts are the softmax over these alone. */
export const expertChoices = { topK, normalized: { type: "i32", values: [0, 1] } } satisfies Record<string, Attribute>;

/** Attributes of the AdamW ops. */
export const adamwAttributes = {
  oneMinusBeta1: real,
  beta2: real,
  oneMinusBeta2: real,
  eps: real,
  weightDecay: real,
  learningRateScale: real,
};

/** Axis of a matrix: 0 its rows, 1 its columns. */
export const axis = { type: "i32", values: [0, 1] } satisfies Attribute;

/** A probability below 1. */
export const share = { type: "f32", min: 0, below: 1 } satisfies Attribute;

/** The c of soft-capping, c·tanh(x/c); 0: none. */
export const softcap = { type: "f32", min: 0 } satisfies Attribute;

/** Attributes of the attention ops. */
export const attentionAttributes = { heads, kvHeads: size, headDim: size, scale: real, "softcap?": softcap };

const columns = { type: "i32", min: 0, max: 1 << 24 } satisfies Attribute;
/** A part of a row: its columns, and those before and behind it. */
export const sliceAttributes = { before: columns, width: { ...columns, min: 1 }, after: columns };

/** Activations of a gated unit, by their numbers in programs; GELU by its tanh formula. */
export const activations = { silu: 0, geluTanh: 1 } as const;
export const activation = { type: "i32", values: Object.values(activations) } satisfies Attribute;

/** The clamped gated unit: the factor inside its sigmoid, and the limit of its columns. */
export const clampedUnit = { alpha: real, limit: { type: "f32", min: 0 } } satisfies Record<string, Attribute>;

/** Attributes of an LSTM's ops: the width of its hidden state, and the direction over the rows. */
export const lstmAttributes = { width: size, reverse: { type: "i32", values: [0, 1] } satisfies Attribute };

/** The stretch of hard-concrete gates, around 0 and 1, and the number of the layer in their random numbers. */
export const gateAttributes = { low: real, high: real, site: { type: "i32", min: 0 } } satisfies Record<
  string,
  Attribute
>;

/** A matrix that Fastfood projects to, and what its random parts depend on. */
export const fastfoodAttributes = {
  out: { ...columns, min: 1 },
  in: { ...columns, min: 1 },
  seed: integer,
  layer: integer,
} satisfies Record<string, Attribute>;
