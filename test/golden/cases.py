"""Full fine-tuning, LoRA and QLoRA: `data/CASE.safetensors` (tensors) and `data/CASE.json` (settings and curves).

Tensors: `logits` F64 [tokens of step 0, vocabulary] · `initial/NAME` F32 · `gradient/NAME` F64 · `update-EPS/NAME` F32,
the change after 20 steps of AdamW at that epsilon, taken in F64 and rounded once.
"""

import json
import pathlib
import shutil
import tempfile

import bitsandbytes as bnb
import torch
from peft import (
    AdaLoraConfig,
    EvaConfig,
    IA3Config,
    LoHaConfig,
    LoKrConfig,
    LoraConfig,
    PrefixTuningConfig,
    PromptEncoderConfig,
    PromptTuningConfig,
    XLoraConfig,
    get_peft_model,
    prepare_model_for_kbit_training,
)
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

import eva
import loftq
from tiny_llama import BASES, DATA, config, load_base
from training import BETAS, STEPS, WARMUP_STEPS, WEIGHT_DECAY, distance, forward_backward, schedules, train, trainable, worst

EPSILONS = ("1e-5", "1e-8")

FULL = {"learning_rate": 1e-2, "max_grad_norm": 1.0}
LORA = {"learning_rate": 1e-2, "max_grad_norm": 1.0}
ALL_LINEAR = {"rank": 4, "alpha": 12, "rankStabilized": False, "targetModules": ["all-linear"]}
RANK_STABILIZED = {"rank": 4, "alpha": 6, "rankStabilized": True, "targetModules": ["all-linear"]}
SUBSET = {"rank": 3, "alpha": 5, "rankStabilized": True, "targetModules": ["q_proj", "v_proj", "down_proj"]}

TIED = {**SUBSET, "modulesToSave": ["embed_tokens", "v_proj"], "ensureWeightTying": True}

EMBEDDING = {**SUBSET, "targetModules": ["q_proj", "embed_tokens"], "rankPattern": {"embed_tokens": 2}}

PATTERNS = {
    "rank": 4,
    "alpha": 12,
    "rankStabilized": False,
    "targetModules": ["q_proj", "k_proj", "o_proj", "up_proj", "down_proj"],
    "excludeModules": ["layers.1.mlp.up_proj"],
    "layers": [1],
    "rankPattern": {"self_attn.q_proj": 2, "q_proj": 7, "down_proj": 3},
    "alphaPattern": {"o_proj": 5},
}

EVA = {"initialization": "EVA", "evaRho": 2, "evaTau": 0.95}
# PEFT's LoftQ leaves the scale of the update out: it is 1 here.
LOFTQ = {"initialization": "LoftQ", "loftqIterations": 1, "rank": 4, "alpha": 4, "rankStabilized": False}

ADALORA = {
    "initialRank": 4,
    "targetRank": 2,
    "alpha": 12,
    "dropout": 0,
    "targetModules": ["all-linear"],
    "initialSteps": 4,
    "finalSteps": 5,
    "everySteps": 3,
    "beta1": 0.85,
    "beta2": 0.8,
    "orthogonality": 0.5,
}

IA3 = {"targetModules": ["k_proj", "v_proj", "down_proj"], "feedforwardModules": ["down_proj"], "excludeModules": []}
IA3_WITH_BIAS = {**IA3, "targetModules": ["q_proj", "v_proj", "up_proj", "down_proj"], "feedforwardModules": ["up_proj", "down_proj"]}

LOHA = {"rank": 3, "alpha": 5, "targetModules": ["q_proj", "v_proj", "down_proj"], "excludeModules": [], "layers": [], "rankPattern": {"v_proj": 2}, "alphaPattern": {"down_proj": 8}}
LOKR = {**LOHA, "rank": 2, "decomposeBoth": True}

MIXED = {"layerwise": False, "classifierDepth": 1, "normalization": "All", "temperature": 1, "scale": 1, "firstPassScale": 0}
DEEP = {**MIXED, "layerwise": True, "classifierDepth": 3, "classifierWidth": 12, "classifierDropout": 0, "topK": 2, "normalization": "Chosen"}

# The adapters that X-LoRA's cases mix, by base.
GIVEN = {
    "untied": [
        {"rank": 3, "alpha": 5, "rankStabilized": False, "targetModules": ["q_proj", "v_proj", "down_proj"]},
        {"rank": 2, "alpha": 4, "rankStabilized": True, "targetModules": ["q_proj", "o_proj"], "rankPattern": {"o_proj": 1}},
    ],
    "qwen2": [{"rank": rank, "alpha": 4, "rankStabilized": False, "targetModules": ["q_proj", "v_proj", "up_proj"], "layers": [1]} for rank in (1, 2, 3)],
    "wide": [{"rank": 4, "alpha": 4, "rankStabilized": False, "targetModules": ["all-linear"]} for _ in range(2)],
}

# Rates and seeds for which 20 steps are well posed: no element of a gradient so near zero that the order of sums decides
# its update, and the field's own F32 stays within 8e-6 of F64.
CASES = {
    "full-untied": {"base": "untied", "schedule": "Linear", **FULL},
    "full-tied": {"base": "tied", "schedule": "Cosine", **FULL},
    "lora-all-linear": {"base": "untied", "schedule": "Cosine", "lora": ALL_LINEAR, **LORA},
    "lora-subset": {"base": "tied", "schedule": "Linear", "lora": SUBSET, "fresh": True, **LORA},
    "qwen2-lora": {"base": "qwen2", "schedule": "Linear", "lora": RANK_STABILIZED, **LORA},
    "qwen3-full": {"base": "qwen3", "schedule": "Linear", **FULL},
    "qwen3-lora": {"base": "qwen3", "schedule": "Cosine", "lora": ALL_LINEAR, **LORA},
    "lora-patterns": {"base": "untied", "schedule": "Linear", "lora": PATTERNS, **LORA},
    "lora-plus": {"base": "untied", "schedule": "Cosine", "lora": {**SUBSET, "learningRateRatio": 4}, **LORA},
    "lora-smoothed": {"base": "tied", "schedule": "Linear", "lora": SUBSET, "labelSmoothing": 0.1, **LORA},
    "lora-bias": {"base": "qwen2", "schedule": "Linear", "lora": {**SUBSET, "bias": "LoraOnly"}, **LORA},
    "lora-saved": {"base": "qwen2", "schedule": "Cosine", "lora": {**SUBSET, "bias": "All", "modulesToSave": ["norm", "lm_head", "embed_tokens"]}, **LORA},
    "lora-saved-tied": {"base": "tied", "schedule": "Linear", "lora": TIED, **LORA},
    "lora-saved-nf4": {"base": "wide", "schedule": "Linear", "lora": {**SUBSET, "modulesToSave": ["model.norm", "lm_head"]}, "nf4": "double", **LORA},
    "lora-embedding": {"base": "untied", "schedule": "Linear", "lora": EMBEDDING, **LORA},
    "lora-embedding-nf4": {"base": "wide", "schedule": "Cosine", "lora": {**RANK_STABILIZED, "targetModules": ["embed_tokens", "o_proj"]}, "nf4": "double", **LORA},
    "lora-tokens": {"base": "untied", "schedule": "Linear", "lora": {**SUBSET, "trainableTokens": {"embed_tokens": [98, 4, 70], "lm_head": [86, 4]}}, **LORA},
    "lora-tokens-tied": {"base": "tied", "schedule": "Cosine", "lora": {**SUBSET, "trainableTokens": {"embed_tokens": [98, 4, 70]}}, **LORA},
    "pissa": {"base": "untied", "schedule": "Cosine", "lora": {**ALL_LINEAR, "initialization": "PiSSA"}, "fresh": True, **LORA},
    "olora": {"base": "tied", "schedule": "Linear", "lora": {**SUBSET, "initialization": "OLoRA"}, "fresh": True, **LORA},
    "pissa-qwen2": {"base": "qwen2", "schedule": "Linear", "lora": {**SUBSET, "initialization": "PiSSA"}, "fresh": True, **LORA},
    "olora-qwen3": {"base": "qwen3", "schedule": "Cosine", "lora": {**SUBSET, "initialization": "OLoRA"}, "fresh": True, **LORA},
    "eva": {"base": "untied", "schedule": "Cosine", "lora": {**ALL_LINEAR, "targetModules": ["q_proj", "o_proj", "down_proj"], **EVA}, **LORA},
    "eva-qwen2": {"base": "qwen2", "schedule": "Linear", "lora": {**SUBSET, "rankStabilized": False, **EVA}, **LORA},
    "loftq": {"base": "wide", "schedule": "Cosine", "lora": {**ALL_LINEAR, **LOFTQ}, "nf4": "plain", "fresh": True, **LORA},
    "loftq-qwen2": {"base": "wide-qwen2", "schedule": "Linear", "lora": {**SUBSET, **LOFTQ}, "nf4": "plain", "fresh": True, **LORA},
    "lora-embedding-qwen2": {"base": "qwen2", "schedule": "Linear", "lora": {**SUBSET, "targetModules": ["v_proj", "embed_tokens"]}, **LORA},
    "lora-tokens-qwen2": {"base": "qwen2", "schedule": "Linear", "lora": {**SUBSET, "trainableTokens": {"embed_tokens": [98, 4, 70]}}, **LORA},
    "dora-all-linear": {"base": "untied", "schedule": "Cosine", "dora": ALL_LINEAR, **LORA},
    "dora-qwen2": {"base": "qwen2", "schedule": "Linear", "dora": SUBSET, "fresh": True, **LORA},
    "dora-nf4": {"base": "wide", "schedule": "Linear", "dora": RANK_STABILIZED, "nf4": "double", **LORA},
    "prefix-tuning": {"base": "untied", "schedule": "Cosine", "prefixTuning": {"virtualTokens": 5}, "fresh": True, **LORA},
    "prefix-tuning-qwen2": {"base": "qwen2", "schedule": "Linear", "prefixTuning": {"virtualTokens": 4}, "fresh": True, **LORA},
    "prefix-tuning-nf4": {"base": "wide", "schedule": "Linear", "prefixTuning": {"virtualTokens": 3}, "fresh": True, "nf4": "plain", **LORA},
    "adalora": {"base": "untied", "schedule": "Linear", "adalora": ADALORA, **LORA},
    "adalora-qwen3": {"base": "qwen3", "schedule": "Cosine", "adalora": {**ADALORA, "targetModules": ["q_proj", "down_proj"]}, **LORA},
    "adalora-nf4": {"base": "wide", "schedule": "Cosine", "adalora": {**ADALORA, "targetModules": ["q_proj", "up_proj"]}, "nf4": "double", **LORA},
    "ia3": {"base": "untied", "schedule": "Linear", "ia3": IA3, **LORA},
    "ia3-qwen2": {"base": "qwen2", "schedule": "Cosine", "ia3": IA3_WITH_BIAS, "fresh": True, **LORA},
    "ia3-nf4": {"base": "wide", "schedule": "Linear", "ia3": IA3, "nf4": "double", **LORA},
    "loha": {"base": "untied", "schedule": "Cosine", "loha": LOHA, **LORA},
    "loha-qwen2": {"base": "qwen2", "schedule": "Linear", "loha": {**LOHA, "layers": [1]}, "fresh": True, **LORA},
    "loha-nf4": {"base": "wide", "schedule": "Linear", "loha": LOHA, "nf4": "double", **LORA},
    "lokr": {"base": "untied", "schedule": "Cosine", "lokr": LOKR, **LORA},
    "lokr-qwen2": {"base": "qwen2", "schedule": "Linear", "lokr": {**LOKR, "decomposeBoth": False, "factor": 4}, "fresh": True, **LORA},
    "lokr-nf4": {"base": "wide", "schedule": "Linear", "lokr": {**LOKR, "rank": 8}, "nf4": "double", **LORA},
    "krona": {"base": "untied", "schedule": "Linear", "krona": {"scale": 1.5, "targetModules": ["all-linear"], "excludeModules": [], "layers": []}, **LORA},
    "krona-qwen2": {"base": "qwen2", "schedule": "Cosine", "krona": {"scale": 0.5, "factor": 2, "targetModules": ["q_proj", "up_proj"], "excludeModules": [], "layers": []}, **LORA},
    "xlora": {"base": "untied", "schedule": "Cosine", "xlora": {**MIXED, "temperature": 0.5, "scale": 1.5, "firstPassScale": 0.5}, "fresh": True, **LORA},
    "xlora-qwen2": {"base": "qwen2", "schedule": "Linear", "xlora": DEEP, "fresh": True, **LORA},
    "xlora-nf4": {"base": "wide", "schedule": "Linear", "xlora": {**MIXED, "classifierDepth": 2, "classifierWidth": 8, "classifierDropout": 0, "topK": 1}, "fresh": True, "nf4": "double", **LORA},
    "prompt-tuning": {"base": "untied", "schedule": "Cosine", "promptTuning": {"virtualTokens": 5}, "fresh": True, **LORA},
    "prompt-tuning-qwen2": {"base": "qwen2", "schedule": "Linear", "promptTuning": {"virtualTokens": 3}, "fresh": True, **LORA},
    "prompt-tuning-nf4": {"base": "wide", "schedule": "Linear", "promptTuning": {"virtualTokens": 4}, "fresh": True, "nf4": "double", **LORA},
    "p-tuning": {"base": "untied", "schedule": "Linear", "pTuning": {"virtualTokens": 5, "encoderHiddenSize": 24}, "fresh": True, **LORA},
    "p-tuning-qwen3": {"base": "qwen3", "schedule": "Cosine", "pTuning": {"virtualTokens": 3, "encoderHiddenSize": 16}, "fresh": True, **LORA},
    "p-tuning-lstm": {"base": "untied", "schedule": "Linear", "pTuning": {"virtualTokens": 4, "encoderHiddenSize": 12, "encoder": "LSTM"}, "fresh": True, **LORA},
    "p-tuning-lstm-qwen2": {"base": "qwen2", "schedule": "Cosine", "pTuning": {"virtualTokens": 3, "encoderHiddenSize": 10, "encoder": "LSTM"}, "fresh": True, **LORA},
    "bitfit-qwen2": {"base": "qwen2", "schedule": "Linear", "bitfit": {"targetModules": ["q_proj", "v_proj"], "excludeModules": [], "layers": []}, **LORA},
    "qlora-nf4": {"base": "wide", "schedule": "Cosine", "lora": RANK_STABILIZED, "nf4": "plain", "seed": 23, **LORA},
    "qlora-nf4-double": {"base": "wide", "schedule": "Linear", "lora": ALL_LINEAR, "nf4": "double", **LORA},
}


STARTS = {"PiSSA": "pissa", "OLoRA": "olora", "EVA": "eva"}
BIAS = {"None": "none", "All": "all", "LoraOnly": "lora_only"}


def lora_config(lora: dict, **options) -> LoraConfig:
    targets = lora["targetModules"]
    if lora.get("initialization") == "EVA":
        options["eva_config"] = EvaConfig(rho=lora["evaRho"], tau=lora["evaTau"])
    return LoraConfig(
        **options,
        init_lora_weights=STARTS.get(lora.get("initialization"), True),
        bias=BIAS[lora.get("bias", "None")],
        modules_to_save=lora.get("modulesToSave"),
        ensure_weight_tying=lora.get("ensureWeightTying", False),
        trainable_token_indices=lora.get("trainableTokens"),
        exclude_modules=lora.get("excludeModules"),
        layers_to_transform=lora.get("layers"),
        rank_pattern=lora.get("rankPattern", {}),
        alpha_pattern=lora.get("alphaPattern", {}),
        r=lora["rank"],
        lora_alpha=lora["alpha"],
        lora_dropout=0.0,
        use_rslora=lora["rankStabilized"],
        target_modules="all-linear" if targets == ["all-linear"] else targets,
        task_type="CAUSAL_LM",
    )


def adalora_config(adalora: dict) -> AdaLoraConfig:
    targets = adalora["targetModules"]
    return AdaLoraConfig(
        init_r=adalora["initialRank"],
        target_r=adalora["targetRank"],
        lora_alpha=adalora["alpha"],
        tinit=adalora["initialSteps"],
        tfinal=adalora["finalSteps"],
        deltaT=adalora["everySteps"],
        beta1=adalora["beta1"],
        beta2=adalora["beta2"],
        orth_reg_weight=adalora["orthogonality"],
        total_step=STEPS,
        target_modules="all-linear" if targets == ["all-linear"] else targets,
        task_type="CAUSAL_LM",
    )


def prefix_config(prefix: dict) -> PrefixTuningConfig:
    return PrefixTuningConfig(num_virtual_tokens=prefix["virtualTokens"], task_type="CAUSAL_LM")


def ia3_config(ia3: dict) -> IA3Config:
    return IA3Config(
        target_modules=ia3["targetModules"],
        feedforward_modules=ia3["feedforwardModules"],
        task_type="CAUSAL_LM",
    )


def lycoris_options(settings: dict) -> dict:
    targets = settings["targetModules"]
    return {
        "target_modules": "all-linear" if targets == ["all-linear"] else targets,
        "layers_to_transform": settings["layers"] or None,
        "rank_pattern": settings.get("rankPattern", {}),
        "alpha_pattern": settings.get("alphaPattern", {}),
        "task_type": "CAUSAL_LM",
    }


def loha_config(loha: dict) -> LoHaConfig:
    return LoHaConfig(r=loha["rank"], alpha=loha["alpha"], **lycoris_options(loha))


def lokr_config(lokr: dict) -> LoKrConfig:
    more = {"decompose_factor": lokr.get("factor", -1), "decompose_both": lokr["decomposeBoth"]}
    return LoKrConfig(r=lokr["rank"], alpha=lokr["alpha"], **more, **lycoris_options(lokr))


def krona_config(krona: dict) -> LoKrConfig:
    """PEFT has no KronA: LoKr of a rank at which both factors are whole is the same."""
    return lokr_config({**krona, "rank": 512, "alpha": 512 * krona["scale"], "decomposeBoth": False})


def given_directory(base: str, index: int) -> pathlib.Path:
    return DATA / f"xlora-{base}-{index}"


def write_given_adapters() -> None:
    """The adapters of X-LoRA's cases, saved by PEFT, with random numbers in place of zeros."""
    for base, adapters in GIVEN.items():
        for index, settings in enumerate(adapters):
            torch.manual_seed(100 + index)
            model = get_peft_model(load_base(base), lora_config(settings))
            with torch.no_grad():
                for name, p in model.named_parameters():
                    if "lora_B" in name:
                        p.add_(torch.randn(p.shape), alpha=0.2)
            save_adapter(model, given_directory(base, index), BASES[base].name)


def xlora_config(xlora: dict, base: str) -> XLoraConfig:
    return XLoraConfig(
        hidden_size=config(base).hidden_size,
        adapters={str(index): str(given_directory(base, index)) for index in range(len(GIVEN[base]))},
        enable_softmax=xlora["normalization"] == "All",
        enable_softmax_topk=xlora["normalization"] == "Chosen",
        softmax_temperature=xlora["temperature"],
        layerwise_scalings=xlora["layerwise"],
        top_k_lora=xlora.get("topK"),
        xlora_depth=xlora["classifierDepth"],
        xlora_size=xlora.get("classifierWidth", 1),
        xlora_dropout_p=0,
        scaling_pass_value=xlora["firstPassScale"],
        global_scaling_weight=xlora["scale"],
        task_type="CAUSAL_LM",
    )


def prompt_config(prompt: dict) -> PromptTuningConfig:
    return PromptTuningConfig(num_virtual_tokens=prompt["virtualTokens"], task_type="CAUSAL_LM")


def encoder_config(prompt: dict) -> PromptEncoderConfig:
    return PromptEncoderConfig(
        num_virtual_tokens=prompt["virtualTokens"],
        encoder_hidden_size=prompt["encoderHiddenSize"],
        encoder_reparameterization_type=prompt.get("encoder", "MLP"),
        task_type="CAUSAL_LM",
    )


METHODS = {
    "bitfit": None,
    "xlora": None,
    "promptTuning": prompt_config,
    "pTuning": encoder_config,
    "loha": loha_config,
    "lokr": lokr_config,
    "krona": krona_config,
    "ia3": ia3_config,
    "prefixTuning": prefix_config,
    "adalora": adalora_config,
    "lora": lambda settings: lora_config(settings),
    "dora": lambda settings: lora_config(settings, use_dora=True),
}


# In the names of parameters that start with one value everywhere.
CONSTANT_AT_FIRST = {"adalora": "lora_E", "ia3": "ia3_l", "loha": "hada_w2_b", "lokr": "lokr_w1", "krona": "lokr_w1"}


# PEFT's layers of these methods take no quantised matrix: their F32 too is on the restored weights.
PLAIN_ONLY = {"loha", "lokr", "krona", "xlora"}


def method_of(case: dict) -> str:
    return next((kind for kind in METHODS if kind in case), "full")


def with_adapter(model, case: dict):
    """PEFT's adapter. `fresh` keeps PEFT's start; else the parameters that are the same everywhere at first are random too."""
    torch.manual_seed(case.get("seed", 13))
    kind = method_of(case)
    if kind == "bitfit":  # PEFT has none: the base itself, of which these biases alone train
        for name, p in model.named_parameters():
            p.requires_grad_(any(name.endswith(f".{target}.bias") for target in case[kind]["targetModules"]))
        return model
    if kind == "xlora":
        model.config.use_cache = False  # PEFT refuses a cache, which its two passes would share
        return get_peft_model(model, xlora_config(case[kind], case["base"]))
    model = get_peft_model(model, METHODS[kind](case[kind]))
    start = case[kind].get("initialization")
    if start == "EVA":
        eva.set_directions(model)
    if start == "LoftQ":
        set_loftq(model, case)
    if not case.get("fresh"):
        with torch.no_grad():
            for name, p in model.named_parameters():
                if CONSTANT_AT_FIRST.get(kind, "lora_B") in name or "lora_embedding_A" in name:
                    p.add_(torch.randn(p.shape), alpha=0.1)
    return model


def set_loftq(model, case: dict) -> None:
    """PEFT finds A and B on the base in NF4; the same ones are used beside its restored matrices."""
    torch.manual_seed(case.get("seed", 13))
    found = get_peft_model(quantized_base(case), lora_config(case["lora"]))
    loftq.set_factors(found, BASES[case["base"]])
    model.load_state_dict({name: p for name, p in found.named_parameters() if "lora_" in name}, strict=False)


def quantized_base(case: dict):
    return load_base(
        case["base"],
        quantization_config=BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=case["nf4"] == "double",
            bnb_4bit_compute_dtype=torch.float32,
        ),
        device_map="cpu",
    )


def dequantized_base(case: dict):
    """The NF4 base as plain matrices: each linear weight is the one that bitsandbytes restores, in F32."""
    plain, quantized = load_base(case["base"]), quantized_base(case)
    modules = dict(plain.named_modules())
    for name, module in quantized.named_modules():
        if isinstance(module, bnb.nn.Linear4bit):
            values = bnb.functional.dequantize_4bit(module.weight.data, module.weight.quant_state)
            modules[name].weight.data.copy_(values)
    return plain


def build(case: dict, dtype):
    """The model of a case. In F32 an NF4 case is PEFT's real QLoRA; in F64 it is LoRA on the restored weights."""
    if "nf4" in case and dtype == torch.float32 and method_of(case) not in PLAIN_ONLY:
        base = prepare_model_for_kbit_training(quantized_base(case), use_gradient_checkpointing=False)
        return with_adapter(base, case).train()  # evaluation mode would repack the nibbles for inference
    base = dequantized_base(case) if "nf4" in case else load_base(case["base"])
    return (base if method_of(case) == "full" else with_adapter(base, case)).to(dtype).train()


def base_name(case: dict) -> str:
    """The directory of a case's base; the Llamas in NF4 are named by their quantisation."""
    if "nf4" not in case:
        return BASES[case["base"]].name
    return f"base-nf4-{case['nf4'] if case['base'] == 'wide' else case['base'].removeprefix('wide-')}"


def settings_of(case: dict, method: dict) -> dict:
    """The settings of a case as its file holds them."""
    return {
        "base": base_name(case),
        "nf4": case.get("nf4"),
        "method": method,
        **({"objective": case["objective"]} if "objective" in case else {}),
        "schedule": case["schedule"],
        "steps": STEPS,
        "warmupSteps": WARMUP_STEPS,
        "learningRate": case["learning_rate"],
        "maxGradNorm": case["max_grad_norm"],
        "weightDecay": WEIGHT_DECAY,
        "betas": BETAS,
        **({"labelSmoothing": case["labelSmoothing"]} if "labelSmoothing" in case else {}),
    }


def write_case(name: str) -> None:
    case = CASES[name]
    smoothing = case.get("labelSmoothing", 0)
    exact, field = (forward_backward(build(case, dtype), smoothing) for dtype in (torch.float64, torch.float32))
    tensors = {"logits": exact["logits"].contiguous()}
    tensors |= {f"initial/{n}": p.detach().clone() for n, p in trainable(build(case, torch.float32)).items()}
    tensors |= {f"gradient/{n}": g for n, g in exact["gradients"].items()}
    result = {"settings": settings_of(case, written_method(case)), "loss": exact["loss"], "field": field_distance(exact, field), "training": {}}
    for epsilon in EPSILONS:
        options = {k: case[k] for k in ("learning_rate", "schedule", "max_grad_norm")} | {"epsilon": float(epsilon)}
        options["smoothing"] = smoothing
        options["ratio"] = case.get("lora", {}).get("learningRateRatio")
        exact_run, field_run = (train(build(case, dtype), **options) for dtype in (torch.float64, torch.float32))
        tensors |= {f"update-{epsilon}/{n}": u.float() for n, u in exact_run["update"].items()}
        curves = {k: exact_run[k] for k in ("losses", "learningRates", "gradNorms")}
        result["training"][epsilon] = {**curves, "fieldUpdate": worst(field_run["update"], exact_run["update"])}
    save_file(tensors, DATA / f"{name}.safetensors")
    (DATA / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(name, result["loss"], result["field"], {e: t["fieldUpdate"] for e, t in result["training"].items()})


def written_method(case: dict) -> dict:
    """The method's settings under our trainer's names."""
    kind = method_of(case)
    if kind == "xlora":
        adapters = [{"uri": given_directory(case["base"], index).name} for index in range(len(GIVEN[case["base"]]))]
        return {"kind": kind, "adapters": adapters, **case[kind]}
    return {"kind": kind, **({"dropout": 0} if kind == "lora" else {}), **case.get(kind, {})}


def field_distance(exact: dict, field: dict) -> dict:
    """The distance of F32 in PyTorch, PEFT and bitsandbytes from the same mathematics in F64."""
    return {
        "logits": distance(field["logits"], exact["logits"]),
        "loss": abs(field["loss"] / exact["loss"] - 1),
        "gradient": worst(field["gradients"], exact["gradients"]),
    }


def write_quantized_bases() -> None:
    """The NF4 bases of the QLoRA cases as transformers saves them: bitsandbytes' own bytes."""
    for case in ({"base": "wide", "nf4": "plain"}, {"base": "wide", "nf4": "double"}, {"base": "wide-qwen2", "nf4": "plain"}):
        directory = DATA / base_name(case)
        shutil.rmtree(directory, ignore_errors=True)
        quantized_base(case).save_pretrained(directory)
        (directory / "generation_config.json").unlink(missing_ok=True)


def write_partly_quantized_base() -> None:
    """A base in NF4 with layers that are not quantised, and its logits after a few tokens with the restored weights."""
    from families import random_model  # families that adapterhub.py's transformers lacks

    directory = DATA / "base-nf4-skipped"
    shutil.rmtree(directory, ignore_errors=True)
    skipped = ["lm_head", "k_proj", "model.layers.0.mlp"]
    with tempfile.TemporaryDirectory() as plain:
        small = config("wide")
        small.num_hidden_layers = 2
        small.intermediate_size = 64
        small.tie_word_embeddings = True
        random_model(small, 77).save_pretrained(plain)
        model = AutoModelForCausalLM.from_pretrained(
            plain,
            dtype=torch.bfloat16,
            device_map="cpu",
            quantization_config=BitsAndBytesConfig(
                load_in_4bit=True,
                bnb_4bit_quant_type="nf4",
                bnb_4bit_use_double_quant=True,
                bnb_4bit_quant_storage=torch.bfloat16,
                llm_int8_skip_modules=skipped,
            ),
        )
        model.save_pretrained(directory)
        restored = AutoModelForCausalLM.from_pretrained(plain, dtype=torch.bfloat16).float()
    (directory / "generation_config.json").unlink(missing_ok=True)
    modules = dict(restored.named_modules())
    for name, module in model.named_modules():
        if isinstance(module, bnb.nn.Linear4bit):
            state = module.weight.quant_state
            state.dtype = torch.float32
            modules[name].weight.data.copy_(bnb.functional.dequantize_4bit(module.weight.data, state))
    ids = torch.tensor([[3, 14, 15, 92, 65, 35]])
    with torch.no_grad():
        logits = restored.double()(ids).logits[0, -1].float()
    save_file({"ids": ids[0].to(torch.int32), "logits": logits.contiguous()}, DATA / "base-nf4-skipped.safetensors")


# Directories of adapters that PEFT saves, by the case that trains them.
SAVED = {
    "lora-all-linear": "peft-adapter",
    "dora-all-linear": "peft-dora",
    "adalora": "peft-adalora",
    "prefix-tuning": "peft-prefix",
    "pissa": "peft-pissa",
    "olora": "peft-olora",
    "eva": "peft-eva",
    "loftq": "peft-loftq",
    "qwen2-lora": "peft-rslora",
    "lora-embedding": "peft-embedding",
    "lora-saved": "peft-saved",
    "lora-saved-tied": "peft-saved-tied",
    "lora-tokens": "peft-tokens",
    "lora-tokens-tied": "peft-tokens-tied",
    "prompt-tuning": "peft-prompt",
    "p-tuning": "peft-ptuning",
    "ia3": "peft-ia3",
    "loha": "peft-loha",
    "lokr": "peft-lokr",
    "xlora": "peft-xlora",
}


def write_adapter(name: str) -> None:
    """An adapter trained in F32 and saved by PEFT, and the F64 logits of base and adapter."""
    case = CASES[name]
    model = build(case, torch.float32)
    first = first_values(model) if case.get("lora", {}).get("initialization") in ("PiSSA", "OLoRA") else None
    train(model, learning_rate=1e-2, schedule="Cosine", epsilon=1e-8, max_grad_norm=1.0)
    directory = DATA / SAVED[name]
    save_adapter(model, directory, base_name(case), first)
    save_file({"logits": forward_backward(in_double(model, case))["logits"]}, directory / "logits.safetensors")


def in_double(model, case: dict):
    """The same in F64, on the restored values of an NF4 base."""
    if "nf4" not in case:
        return model.double()
    exact = build(case, torch.float64)
    exact.load_state_dict({name: p for name, p in model.named_parameters() if p.requires_grad}, strict=False)
    return exact


def save_adapter(model, directory: pathlib.Path, base: str, first=None) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    if model.peft_config["default"].peft_type == "XLORA":
        # PEFT 0.21.2 takes the classifier's `layers.0` for a part of the adapter "0" and does not save it.
        model.peft_config["default"].save_pretrained(directory)
        save_file({name: p for name, p in model.state_dict().items() if "internal_xlora_classifier" in name}, directory / "adapter_model.safetensors")
    else:
        model.save_pretrained(directory, path_initial_model_for_weight_conversion=first)
    (directory / "README.md").unlink(missing_ok=True)
    config = json.loads((directory / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = base
    if "target_modules" in config:
        config["target_modules"].sort()  # a set, whose order is random
    for name, path in (config.get("adapters") or {}).items():
        shutil.copytree(path, directory / name)  # PEFT saves their places alone
        config["adapters"][name] = name
    (directory / "adapter_config.json").write_text(json.dumps(config, indent=1) + "\n")


def first_values(model) -> str:
    """PEFT converts an adapter that began as a part of the base into plain LoRA by its first values, saved like this."""
    directory = pathlib.Path(tempfile.mkdtemp()) / "first"
    config = model.peft_config["default"]
    start, config.init_lora_weights = config.init_lora_weights, True
    model.save_pretrained(directory)
    config.init_lora_weights = start
    return str(directory)


def write_schedules() -> None:
    (DATA / "schedules.json").write_text(json.dumps(schedules()) + "\n")


def write_curve() -> None:
    """`data/curve-bf16.json`: 200 steps of LoRA on the base rounded to BF16, in F64 and as PEFT trains it in BF16."""
    case = CASES["lora-all-linear"]
    options = {"learning_rate": 1e-3, "schedule": "Cosine", "epsilon": 1e-8, "max_grad_norm": 1.0, "steps": 200}
    rounded = lambda: load_base(case["base"], torch.bfloat16)
    exact = train(with_adapter(rounded().float(), case).double(), **options)
    field = train(with_adapter(rounded(), case), **options)
    curve = {"exact": exact["losses"], "field": field["losses"], "learningRates": exact["learningRates"]}
    curve["maxGradNorm"] = options["max_grad_norm"]
    (DATA / "curve-bf16.json").write_text(json.dumps(curve) + "\n")
    gaps = [abs(a - b) for a, b in zip(curve["exact"], curve["field"])]
    print("curve", curve["exact"][0], curve["exact"][-1], "field: worst", max(gaps), "mean", sum(gaps) / len(gaps))
