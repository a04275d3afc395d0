"""Records transformers' rotary tables at positions where single precision matters.

  `data/rope.safetensors`: `theta-T/cos` and `theta-T/sin`, F32 [positions, 32], for head width 64
  `data/rope-scaling.json`: name -> fields of config.json that set a scaling; `data/rope-scaling.safetensors`: `NAME/cos`, `NAME/sin`
"""

import json

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from tiny_llama import DATA

POSITIONS = torch.tensor([0, 1, 2, 31, 511, 1023, 4095, 32767, 131071])

LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}

# PyTorch's vectorised F32 power is off by one unit in the last place for some bases (150000); for these it is exact.
SCALINGS = {
    "llama3": {"rope_theta": 500000.0, "rope_scaling": LLAMA3},
    "llama3-factor-32": {"rope_parameters": {**LLAMA3, "factor": 32.0, "rope_theta": 500000.0}},
    "llama3-short": {"rope_scaling": {**LLAMA3, "original_max_position_embeddings": 64}},
    "llama3-context-beside": {"rope_scaling": LLAMA3, "original_max_position_embeddings": 4096},
    "linear": {"rope_scaling": {"type": "linear", "factor": 4.0}},
    "linear-odd-factor": {"rope_parameters": {"rope_theta": 10000.0, "type": "linear", "factor": 2.7}},
    "dynamic": {"rope_scaling": {"type": "dynamic", "factor": 2.0}},
    "yarn": {"rope_theta": 1000000.0, "rope_scaling": YARN},
    "yarn-own-context": {"rope_scaling": {"rope_type": "yarn", "factor": 16.0}},
    "yarn-betas": {"rope_scaling": {**YARN, "beta_fast": 16, "beta_slow": 2, "attention_factor": 1.25, "truncate": False}},
    "yarn-mscale": {"rope_theta": 1000000.0, "rope_scaling": {**YARN, "factor": 40.0, "mscale": 1.0, "mscale_all_dim": 0.7}},
}


def table(fields: dict) -> tuple:
    config = LlamaConfig(hidden_size=64, num_attention_heads=1, head_dim=64, max_position_embeddings=131072, **json.loads(json.dumps(fields)))
    cos, sin = LlamaRotaryEmbedding(config)(torch.zeros(1), POSITIONS[None])
    return cos[0, :, :32].contiguous(), sin[0, :, :32].contiguous()


def save(name: str, tables: dict) -> None:
    tensors = {"positions": POSITIONS.int()}
    for key, (cos, sin) in tables.items():
        tensors |= {f"{key}/cos": cos, f"{key}/sin": sin}
    save_file(tensors, DATA / f"{name}.safetensors")


def write() -> None:
    save("rope", {f"theta-{int(theta)}": table({"rope_theta": theta}) for theta in (10000.0, 500000.0)})
    save("rope-scaling", {name: table(fields) for name, fields in SCALINGS.items()})
    (DATA / "rope-scaling.json").write_text(json.dumps(SCALINGS, indent=1) + "\n")
