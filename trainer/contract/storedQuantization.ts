/**
 * `quantization_config` of config.json: how the weights of a base are stored already. bitsandbytes' NF4 is read, and MXFP4 of
 * families that have it; any other quantisation is refused with its field and the fix. The tensors have the details
 * (`weights/bitsandbytes.ts`, `weights/fusedExperts.ts`).
 */

export type StoredQuantization = InBitsandbytes | { readonly method: "mxfp4" };

export interface InBitsandbytes {
  readonly method: "bitsandbytes";
  /** Names of modules that stay as they are, as transformers matches them; undefined: the head alone. */
  readonly skipped: readonly string[] | undefined;
}

type Refuse = (message: string) => never;
type Members = Readonly<Record<string, unknown>>;

const fix =
  "take the model as it was before its quantisation, in BF16, F16 or F32, and set baseModel.quantization to train it in NF4";

/** The member of config.json; undefined where it is absent or null. */
export function readStoredQuantization(
  value: unknown,
  { fusesExperts }: { readonly fusesExperts?: boolean },
  refuse: Refuse,
): StoredQuantization | undefined {
  if (value === undefined || value === null) return undefined;
  const field = (name: string) => `quantization_config.${name}`;
  if (typeof value !== "object" || Array.isArray(value))
    return refuse(`quantization_config is ${shown(value)}; it must be an object, or null`);
  const given = value as Members;
  const is4Bit = given.load_in_4bit === true || given._load_in_4bit === true;
  const is8Bit = given.load_in_8bit === true || given._load_in_8bit === true;
  const method = given.quant_method ?? (is4Bit || is8Bit ? "bitsandbytes" : undefined);
  if (method === "mxfp4" && fusesExperts) return { method };
  if (method !== "bitsandbytes") {
    const supported = `bitsandbytes in NF4${fusesExperts ? ", mxfp4" : ""}`;
    return refuse(`${field("quant_method")} ${shown(method)} is not supported; supported: ${supported}; ${fix}`);
  }
  if (is8Bit) return refuse(`${field("load_in_8bit")} true is not supported; supported: load_in_4bit in NF4; ${fix}`);
  if (!is4Bit) return refuse(`${field("load_in_4bit")} is not true; supported: load_in_4bit in NF4; ${fix}`);
  // The default of transformers is FP4.
  const { bnb_4bit_quant_type: type = "fp4" } = given;
  if (type !== "nf4")
    return refuse(`${field("bnb_4bit_quant_type")} ${shown(type)} is not supported; supported: nf4; ${fix}`);
  return { method, skipped: skippedOf(given.llm_int8_skip_modules, field("llm_int8_skip_modules"), refuse) };
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? "(none)").slice(0, 80);

/** The most names of skipped modules, and the form of a name: without the signs of regular expressions. */
const mostNames = 2048;
const moduleName = /^[A-Za-z0-9_.-]{1,200}$/;

function skippedOf(value: unknown, field: string, refuse: Refuse): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || value.length > mostNames)
    return refuse(`${field} is ${shown(value)}; it must be a list of names, or null`);
  const strange = value.find((name) => typeof name !== "string" || !moduleName.test(name));
  if (strange !== undefined)
    refuse(`${field} has ${shown(strange)}, which is not a module's name: write the names of the modules`);
  return value as string[];
}

/** Whether a module stays as it is: the name begins with a pattern at a dot, or ends with it. */
export function isSkipped({ skipped }: InBitsandbytes, module: string): boolean {
  const patterns = skipped ?? [];
  return patterns.some(
    (pattern) => module === pattern || module.startsWith(`${pattern.replace(/\.$/, "")}.`) || module.endsWith(pattern),
  );
}
