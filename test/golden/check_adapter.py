"""Loads an adapter written by our trainer into PEFT and compares the logits of base and adapter.

DIR holds adapter_config.json, adapter_model.safetensors and `logits.safetensors` (`logits` [tokens of step 0, vocabulary]
as our side computed them for the base that adapter_config.json names). RESULT also names the adapter's digest: a test holds that our
writer still writes these bytes, so the verdict stays true without Python.
"""

import hashlib
import json
import pathlib

import peft
import torch
import transformers
from peft.utils import load_peft_weights, set_peft_model_state_dict
from safetensors.torch import load_file

import cases
from tiny_llama import load_base, write_base
from training import distance, forward_backward

BOUND = 1e-5


def check(directory: str, result_path: str) -> int:
    path = pathlib.Path(directory)
    config = peft.PeftConfig.from_pretrained(path)
    config.inference_mode = config.peft_type == "P_TUNING"  # then PEFT takes the saved embeddings, not the encoder's
    base = base_of(config.base_model_name_or_path.removeprefix("base-"))
    if config.peft_type == "XLORA":
        base.config.use_cache = False
        config.adapters = {name: str(path / place) for name, place in config.adapters.items()}
    model = peft.get_peft_model(base, config)
    loaded = set_peft_model_state_dict(model, load_peft_weights(path))
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    missing = [key for key in loaded.missing_keys if key in trained]
    unexpected = list(loaded.unexpected_keys)
    if config.is_prompt_learning:
        # PEFT reports this tensor as unexpected and its encoder's as missing, but then puts the one into the other.
        saved = load_peft_weights(path)["prompt_embeddings"]
        unexpected.remove("prompt_embeddings")
        missing = [key for key in missing if key != "prompt_encoder.default.embedding.weight"]
        if not torch.equal(model.prompt_encoder["default"].embedding.weight.detach(), saved):
            missing.append("prompt_embeddings")
    ours = load_file(path / "logits.safetensors")["logits"]
    logits_distance = distance(ours, forward_backward(model.double())["logits"])
    result = {
        "files": {str(file.relative_to(path)): digest(file) for file in sorted(path.rglob("adapter_*"))},
        "missingKeys": missing,
        "unexpectedKeys": unexpected,
        "logitsDistance": logits_distance,
        "bound": BOUND,
        "versions": {m.__name__: m.__version__ for m in (torch, transformers, peft)},
    }
    pathlib.Path(result_path).write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    return int(bool(missing or unexpected) or not logits_distance <= BOUND)


def base_of(name: str):
    """A base, or the restored values of the wide Llama in NF4."""
    if not name.startswith("nf4-"):
        return load_base(name)
    write_base("wide")
    return cases.dequantized_base({"base": "wide", "nf4": name.removeprefix("nf4-")})


def digest(path: pathlib.Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
