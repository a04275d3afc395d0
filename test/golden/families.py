"""The families: for each a tiny random model with all its features, and its F64 logits, loss and gradients.

  `data/family-NAME/config.json`, `model.safetensors`   as transformers saves them, F32
  `data/family-NAME.safetensors`   `logits` F32 [tokens of step 0, vocabulary] · `gradient/NAME` F32, both computed in F64
  `data/families.json`             NAME -> loss of step 0, and the distance of transformers' own F32

A name without a hyphen is a family's first model; `NAME-DETAIL` has features that it lacks: biases, a tied head, a scaling.
`NAME-pictures` is the family's model inside one that reads pictures too: only the language model's gradients are computed, on text.
Windows and LongRoPE's original context lie within the sequences' lengths (9 to 20), so that both sides of each are met.
"""

import json
import shutil
import zlib

import torch
from safetensors.torch import save_file
from transformers import (
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    Gemma3Config,
    Gemma2Config,
    Gemma3TextConfig,
    GptOssConfig,
    GraniteConfig,
    LlamaConfig,
    Ministral3Config,
    MinistralConfig,
    Mistral3Config,
    MistralConfig,
    MixtralConfig,
    Olmo2Config,
    Phi3Config,
    PixtralVisionConfig,
    Qwen2Config,
    Qwen3Config,
    Qwen3MoeConfig,
    SiglipVisionConfig,
    SmolLM3Config,
)

from tiny_llama import DATA, VOCABULARY
from training import distance, forward_backward, worst

USUAL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "pad_token_id": None,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GEMMA = {"head_dim": 6, "hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 10, "tie_word_embeddings": True}
LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "short_factor": [1.0, 1.3],
    "long_factor": [1.5, 4.0],
    "original_max_position_embeddings": 12,
    "partial_rotary_factor": 0.5,
}

ONE_LAYER = {**USUAL, "num_hidden_layers": 1}

VISION = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 8, "patch_size": 4}
FAMILIES = {
    "llama": LlamaConfig(
        **USUAL,
        head_dim=8,
        tie_word_embeddings=True,
        # Wavelengths of 6 (kept), 20 (between), 63 and 199 (divided).
        rope_parameters={
            "rope_type": "llama3",
            "rope_theta": 100.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32,
        },
    ),
    "mistral": MistralConfig(**USUAL, sliding_window=5, tie_word_embeddings=False),
    "ministral": MinistralConfig(**USUAL, head_dim=6, sliding_window=5, layer_types=["sliding_attention", "full_attention"]),
    "ministral3": Ministral3Config(
        **USUAL,
        head_dim=4,
        rope_parameters={
            "rope_type": "yarn",
            "rope_theta": 10000.0,
            "factor": 16.0,
            "original_max_position_embeddings": 4,
            "beta_fast": 32.0,
            "beta_slow": 1.0,
            "mscale": 1.0,
            "mscale_all_dim": 1.0,
            "llama_4_scaling_beta": 0.4,
        },
    ),
    "ministral3-windowed": Ministral3Config(
        **ONE_LAYER,
        head_dim=4,
        sliding_window=6,
        tie_word_embeddings=True,
        rope_parameters={
            "rope_type": "yarn",
            "rope_theta": 10000.0,
            "factor": 16.0,
            "original_max_position_embeddings": 4,
            "llama_4_scaling_beta": 0.1,
        },
    ),
    "llama-biases": LlamaConfig(**USUAL, attention_bias=True, mlp_bias=True),
    "qwen3": Qwen3Config(
        **USUAL,
        head_dim=6,
        use_sliding_window=True,
        sliding_window=5,
        max_window_layers=1,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0},
    ),
    "qwen3-biases": Qwen3Config(**ONE_LAYER, head_dim=6, attention_bias=True),
    "qwen2": Qwen2Config(**USUAL, use_sliding_window=True, sliding_window=5, max_window_layers=1),
    "qwen2-tied": Qwen2Config(
        **ONE_LAYER,
        tie_word_embeddings=True,
        rope_parameters={
            "rope_type": "yarn",
            "rope_theta": 10000.0,
            "factor": 4.0,
            "original_max_position_embeddings": 16,
        },
    ),
    "gemma2": Gemma2Config(**USUAL, **GEMMA, sliding_window=5, attn_logit_softcapping=2.0, final_logit_softcapping=3.0),
    "gemma2-biases": Gemma2Config(**ONE_LAYER, **{**GEMMA, "tie_word_embeddings": False}, attention_bias=True),
    "gemma3": Gemma3TextConfig(
        **{**USUAL, "num_hidden_layers": 3},
        **GEMMA,
        sliding_window=5,
        layer_types=["sliding_attention", "sliding_attention", "full_attention"],
        rope_parameters={
            "full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 50000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
        },
    ),
    "gemma3-biases": Gemma3TextConfig(**ONE_LAYER, **{**GEMMA, "tie_word_embeddings": False}, attention_bias=True),
    "phi3": Phi3Config(
        **{**USUAL, "num_attention_heads": 2, "num_key_value_heads": 1},
        original_max_position_embeddings=12,
        rope_parameters=LONGROPE,
        sliding_window=7,
    ),
    "phi3-tied": Phi3Config(
        **ONE_LAYER,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
    ),
    "smollm3": SmolLM3Config(**USUAL, no_rope_layers=[1, 0], use_sliding_window=True, sliding_window=6),
    "smollm3-biases": SmolLM3Config(**ONE_LAYER, attention_bias=True, mlp_bias=True, tie_word_embeddings=False),
    "olmo2": Olmo2Config(**USUAL),
    "olmo2-biases": Olmo2Config(**ONE_LAYER, attention_bias=True, tie_word_embeddings=True),
    "mixtral": MixtralConfig(**USUAL, num_local_experts=4, num_experts_per_tok=2, sliding_window=7, tie_word_embeddings=False),
    "qwen3moe": Qwen3MoeConfig(
        **USUAL,
        head_dim=6,
        num_experts=5,
        num_experts_per_tok=3,
        moe_intermediate_size=10,
        mlp_only_layers=[0],
        norm_topk_prob=False,
        attention_bias=True,
    ),
    "qwen3moe-normalized": Qwen3MoeConfig(
        **USUAL,
        head_dim=6,
        num_experts=5,
        num_experts_per_tok=2,
        moe_intermediate_size=10,
        decoder_sparse_step=2,
        norm_topk_prob=True,
        use_sliding_window=True,
        sliding_window=6,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0},
    ),
    "gptoss": GptOssConfig(
        **{**USUAL, "num_key_value_heads": 2},
        head_dim=6,
        num_local_experts=4,
        num_experts_per_tok=3,
        sliding_window=5,
        swiglu_limit=0.8,
        rope_parameters={
            "rope_type": "yarn",
            "rope_theta": 10000.0,
            "factor": 8.0,
            "original_max_position_embeddings": 8,
            "beta_fast": 32.0,
            "beta_slow": 1.0,
            "truncate": False,
        },
    ),
    "granite": GraniteConfig(
        **USUAL,
        embedding_multiplier=3.0,
        attention_multiplier=0.4,
        residual_multiplier=0.7,
        logits_scaling=1.7,
        tie_word_embeddings=True,
    ),
    "granite-biases": GraniteConfig(**ONE_LAYER, attention_bias=True, mlp_bias=True, tie_word_embeddings=False),
}


FAMILIES["gemma3-pictures"] = Gemma3Config(
    text_config={**FAMILIES["gemma3"].to_dict(), "num_hidden_layers": 2, "layer_types": ["sliding_attention", "full_attention"]},
    vision_config=SiglipVisionConfig(**VISION),
    mm_tokens_per_image=4,
    image_token_index=7,
)
FAMILIES["ministral3-pictures"] = Mistral3Config(
    text_config=FAMILIES["ministral3"].to_dict(),
    vision_config=PixtralVisionConfig(**{**VISION, "head_dim": 4}),
    image_token_index=7,
    tie_word_embeddings=False,
)


def write(names: list) -> None:
    file = DATA / "families.json"
    results = json.loads(file.read_text()) if names else {}
    for name, config in FAMILIES.items():
        if names and name not in names:
            continue
        directory = DATA / f"family-{name}"
        shutil.rmtree(directory, ignore_errors=True)
        random_model(config, seed_of(name)).save_pretrained(directory)
        (directory / "generation_config.json").unlink(missing_ok=True)
        exact, field = (forward_backward(loaded(directory, config, dtype)) for dtype in (torch.float64, torch.float32))
        gradients = [part for n, g in exact["gradients"].items() for part in as_trained(n, g, config.model_type)]
        tensors = {"logits": exact["logits"]} | {f"gradient/{n}": g for n, g in gradients}
        save_file({n: t.float().contiguous() for n, t in tensors.items()}, DATA / f"family-{name}.safetensors")
        results[name] = {
            "loss": exact["loss"],
            "field": {
                "logits": distance(field["logits"], exact["logits"]),
                "loss": abs(field["loss"] / exact["loss"] - 1),
                "gradient": worst(field["gradients"], exact["gradients"]),
            },
        }
        print(name, results[name])
    file.write_text(json.dumps({name: results[name] for name in FAMILIES}, indent=1) + "\n")


def class_of(config):
    return AutoModelForImageTextToText if "vision_config" in config.sub_configs else AutoModelForCausalLM


def loaded(directory, config, dtype):
    """A model that computes as in training. The parts around a language model get no gradient from text."""
    options = {"attn_implementation": "eager", "experts_implementation": "eager"}
    model = class_of(config).from_pretrained(directory, dtype=dtype, **options)
    if class_of(config) is AutoModelForCausalLM:
        return model.train()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("language_model" in name or name.startswith("lm_head"))
    return model.eval()  # Gemma 3 in training wants the places of pictures, and no model here has dropout


def as_trained(name: str, tensor, family: str) -> list:
    """
    The trainer's tensors for a parameter: it has a matrix for each expert, and transformers holds all of them in one; the names
    are those of a language model by itself.
    """
    name = name.replace("model.language_model.", "model.")
    if ".experts." not in name or name.endswith("_bias"):
        return [(name, tensor)]
    before, part = name.split(".experts.")
    trained = []
    for expert, matrix in enumerate(tensor):
        if family == "gpt_oss":
            parts = [(part, matrix.T)]
        else:
            parts = zip(("gate_proj", "up_proj"), matrix.chunk(2)) if part == "gate_up_proj" else [(part, matrix)]
        trained += [(f"{before}.experts.{expert}.{own}.weight", one) for own, one in parts]
    return trained


def seed_of(name: str) -> int:
    """The first families keep the seeds that they had by number."""
    first = ["mistral", "ministral", "qwen2", "gemma2", "gemma3", "phi3", "smollm3", "olmo2", "granite"]
    return 31 + first.index(name) if name in first else zlib.crc32(name.encode())


def random_model(config, seed: int):
    """Large weights, so that softmax, activations and caps work far from their linear range; norms around their start."""
    generator = torch.Generator().manual_seed(seed)
    model = class_of(config).from_config(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            start = 0.0 if "gemma" in config.model_type or name.endswith("bias") else 1.0
            weight.copy_(start + 0.2 * noise if weight.dim() == 1 else 0.3 * noise)
    return model
