/**
 * Bottleneck adapters in the layout of AdapterHub's library `adapters`: adapter_config.json with the settings in `config`,
 * and `<block>.attention_adapters.adapters.NAME.` or `output_adapters.…` with `adapter_down.0` (w, d) and `adapter_up`
 * (d, w), each a weight and a bias.
 */
import type { BottleneckSettings } from "../../contract/methods/bottleneck.ts";
import { rawNumber } from "../../contract/rawNumber.ts";
import type { PeftFormat, StoredShape } from "../peft.ts";
import type { PeftConfig, PeftMembers } from "../peftMembers.ts";
import { innerWidth, isAdapted } from "./placement.ts";

/** The names of the two layers beside a branch. */
export const parts = { down: "adapter_down", up: "adapter_up" } as const;

/** The adapter's name in the files. */
const own = "default";

const modules = { self_attn: "attention_adapters", mlp: "output_adapters" } as const;
const activations = {
  ReLU: ["relu"],
  SiLU: ["swish", "silu"],
  GELU: ["gelu_new", "gelu_pytorch_tanh"],
} as const;

const advice = "only AdapterHub's library computes it; train the adapter again with method.bottleneck";

/** Members that do not affect the result of a decoder, or only together with one that is refused. */
const unread = [
  ...["adapter_residual_before_ln", "cross_adapter", "init_weights", "init_weights_seed", "stochastic_depth"],
  ...["inv_adapter_reduction_factor", "phm_dim", "factorized_phm_W", "shared_W_phm", "shared_phm_rule"],
  ...["factorized_phm_rule", "phm_c_init", "phm_init_range", "learn_phm", "hypercomplex_nonlinearity"],
  ...["phm_rank", "phm_bias"],
];
const ofModel = ["model_type", "model_class", "model_name", "hidden_size", "name", "version", "config_id"];

export const bottleneckPeft: PeftFormat<BottleneckSettings> = {
  library: "AdapterHub",
  config: (settings, { model }) => ({
    model_type: model.family,
    hidden_size: model.hiddenSize,
    name: own,
    version: "adapters.1.3.0",
    config: {
      mh_adapter: settings.branches.includes("Attention"),
      output_adapter: settings.branches.includes("FeedForward"),
      reduction_factor: settings.reductionFactor,
      non_linearity: activations[settings.nonlinearity][0],
      original_ln_before: settings.design === "Pfeiffer",
      original_ln_after: true,
      residual_before_ln: true,
      ln_before: false,
      ln_after: false,
      is_parallel: settings.design === "Parallel",
      // The library accepts no whole number here.
      scaling: Number.isInteger(settings.scale) ? rawNumber(settings.scale.toFixed(1)) : settings.scale,
      dropout: settings.dropout,
      init_weights: settings.design === "Parallel" ? "mam_adapter" : "bert",
      leave_out: [...settings.excludeLayers].sort((a, b) => a - b),
    },
  }),
  matches: ({ peft_type, config }) => peft_type === undefined && typeof config === "object" && config !== null,
  read(members) {
    members.ignore(ofModel);
    const inner = members.within("config", advice);
    const settings = readInner(inner);
    inner.refuseOthers();
    return settings;
  },
  fault,
  toPeft: (parameters) => parameters.map((one) => ({ ...one, name: theirName(one.name) })),
  fromPeft: (tensors) => tensors.map((one) => ({ ...one, name: ourName(one.name) })),
};

function readInner(members: PeftMembers): BottleneckSettings {
  members.only("architecture", []);
  for (const name of ["ln_before", "ln_after", "use_gating", "phm_layer"]) members.only(name, [false]);
  members.only("inv_adapter", []);
  members.only("original_ln_after", [true]);
  members.ignore(unread);
  const branches = { Attention: members.flag("mh_adapter"), FeedForward: members.flag("output_adapter") };
  if (!branches.Attention && !branches.FeedForward) members.only("output_adapter", [true]);
  return {
    kind: "bottleneck",
    design: readDesign(members),
    branches: (["Attention", "FeedForward"] as const).filter((branch) => branches[branch]),
    reductionFactor: members.number("reduction_factor", 0.125, 65_536),
    nonlinearity: members.choice("non_linearity", activations),
    scale: members.number("scaling", 1e-6, 1e6),
    dropout: members.share("dropout"),
    excludeLayers: members.wholes("leave_out"),
  };
}

function readDesign(members: PeftMembers): BottleneckSettings["design"] {
  const [isParallel, sum] = [members.flag("is_parallel"), members.flag("original_ln_before")];
  members.only("residual_before_ln", isParallel || !sum ? [true, false] : [true]);
  return isParallel ? "Parallel" : sum ? "Pfeiffer" : "Houlsby";
}

const key =
  /^(.+)\.(attention_adapters|output_adapters)\.adapters\.([^.]+)\.(adapter_down\.0|adapter_up)\.(weight|bias)$/;
const parameter = /^(.+)\.(self_attn|mlp)\.(adapter_down|adapter_up)\.(weight|bias)$/;

function fault(
  { key: name, shape }: StoredShape,
  settings: BottleneckSettings,
  has: (key: string) => boolean,
  config: PeftConfig,
): string | undefined {
  const [, block, module, adapter, part, kind] = key.exec(name) ?? [];
  if (adapter === undefined || adapter !== config.name)
    return `key ${name} is not a tensor of the adapter ${JSON.stringify(config.name)} (….adapters.NAME.adapter_down.0.weight, …)`;
  const site = `${block}.${module === modules.mlp ? "mlp" : "self_attn"}`;
  if (!/\.layers\.\d+$/.test(block!) || !isAdapted(site, settings))
    return `key ${name} is of a branch that adapter_config.json gives no adapter`;
  const all = [`${parts.down}.0`, parts.up].flatMap((one) => [`${one}.weight`, `${one}.bias`]);
  const missing = all.map((one) => `${block}.${module}.adapters.${adapter}.${one}`).find((one) => !has(one));
  if (missing !== undefined) return `${name} is present, but ${missing} is missing`;
  const [rows = 0, columns = 0] = shape;
  if (kind === "bias" && shape.length === 1) return undefined;
  const [inner, width] = part === parts.up ? [columns, rows] : [rows, columns];
  if (kind === "weight" && shape.length === 2 && inner === innerWidth(width, settings)) return undefined;
  return `${name} has shape [${shape.join(", ")}], which does not fit reduction_factor ${settings.reductionFactor}`;
}

function theirName(name: string): string {
  const [, block, module, part, kind] = parameter.exec(name) ?? [];
  if (block === undefined) throw new Error(`${name} is not a parameter of a bottleneck adapter`);
  const inner = part === parts.down ? `${part}.0` : part;
  return `${block}.${modules[module as keyof typeof modules]}.adapters.${own}.${inner}.${kind}`;
}

function ourName(name: string): string {
  const [, block, module, , part, kind] = key.exec(name) ?? [];
  if (block === undefined) throw new Error(`${name} is not a tensor of a bottleneck adapter`);
  return `${block}.${module === modules.mlp ? "mlp" : "self_attn"}.${part!.replace(/\.0$/, "")}.${kind}`;
}
