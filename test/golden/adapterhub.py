"""Goldens of bottleneck adapters, by AdapterHub's library `adapters` (adapterhub_requirements.txt). See README.md.

  python adapterhub.py                            the goldens, and adapters that the library trained and saved
  python adapterhub.py adapters [NAME…]           only those adapters, or some of them
  python adapterhub.py check-adapter DIR RESULT   loads an adapter of our trainer; writes the verdict to RESULT (JSON)

The library supports an older transformers than the other goldens' and can share no process with that.
"""

import hashlib
import json
import pathlib
import shutil
import sys

import adapters
import torch
import transformers
from adapters import BnConfig
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

import cases
import tiny_llama
from check_adapter import base_of
from tiny_llama import DATA
from training import distance, forward_backward, train, trainable

NAME = "tuned"
LORA = cases.LORA

HOULSBY = {"design": "Houlsby", "branches": ["Attention", "FeedForward"], "reductionFactor": 5, "nonlinearity": "SiLU", "scale": 1.5, "dropout": 0, "excludeLayers": []}
PFEIFFER = {**HOULSBY, "design": "Pfeiffer", "branches": ["FeedForward"], "nonlinearity": "ReLU", "scale": 1}
PARALLEL = {**HOULSBY, "design": "Parallel", "reductionFactor": 3, "nonlinearity": "GELU", "scale": 2, "excludeLayers": [1]}

CASES = {
    "bottleneck-houlsby": {"base": "untied", "schedule": "Cosine", "bottleneck": HOULSBY, **LORA},
    "bottleneck-pfeiffer-qwen2": {"base": "qwen2", "schedule": "Linear", "bottleneck": PFEIFFER, **LORA},
    "bottleneck-parallel-nf4": {"base": "wide", "schedule": "Linear", "bottleneck": PARALLEL, "nf4": "double", **LORA},
}
# Families whose branches end in norms: the first step alone, as of the other families.
FAMILIES = {"bottleneck-pfeiffer-gemma2": ("gemma2", {**PFEIFFER, "branches": ["Attention", "FeedForward"]})}

SAVED = {
    "bottleneck-houlsby": "adapterhub-houlsby",
    "bottleneck-pfeiffer-qwen2": "adapterhub-pfeiffer",
    "bottleneck-parallel-nf4": "adapterhub-parallel",
}

ACTIVATIONS = {"ReLU": "relu", "SiLU": "swish", "GELU": "gelu_new"}


def config(bottleneck: dict) -> BnConfig:
    return BnConfig(
        mh_adapter="Attention" in bottleneck["branches"],
        output_adapter="FeedForward" in bottleneck["branches"],
        reduction_factor=bottleneck["reductionFactor"],
        non_linearity=ACTIVATIONS[bottleneck["nonlinearity"]],
        original_ln_before=bottleneck["design"] == "Pfeiffer",
        is_parallel=bottleneck["design"] == "Parallel",
        scaling=float(bottleneck["scale"]),
        leave_out=bottleneck["excludeLayers"],
    )


def with_adapter(model, case: dict):
    """The library's adapter, its first values far enough from zero that the activation bends."""
    adapters.init(model)
    model.add_adapter(NAME, config=config(case["bottleneck"]))
    model.train_adapter(NAME)
    torch.manual_seed(case.get("seed", 13))
    with torch.no_grad():
        for p in trainable(model).values():
            p.copy_(torch.randn(p.shape) * 0.3)
    return model


def family(name: str, bottleneck: dict, dtype):
    model = AutoModelForCausalLM.from_pretrained(DATA / f"family-{name}", dtype=torch.float32, attn_implementation="eager")
    return with_adapter(model, {"bottleneck": bottleneck}).to(dtype).train()


def write_family(name: str) -> None:
    of, bottleneck = FAMILIES[name]
    exact, field = (forward_backward(family(of, bottleneck, dtype)) for dtype in (torch.float64, torch.float32))
    tensors = {"logits": exact["logits"].float().contiguous()}
    tensors |= {f"initial/{n}": p.detach().clone() for n, p in trainable(family(of, bottleneck, torch.float32)).items()}
    tensors |= {f"gradient/{n}": g.float() for n, g in exact["gradients"].items()}
    settings = {"base": f"family-{of}", "nf4": None, "method": {"kind": "bottleneck", **bottleneck}, "schedule": "Linear", "steps": 1}
    settings |= {"warmupSteps": 0, "learningRate": 1e-3, "maxGradNorm": 1, "weightDecay": 0, "betas": [0.9, 0.999]}
    result = {"settings": settings, "loss": exact["loss"], "field": cases.field_distance(exact, field), "training": {}}
    save_file(tensors, DATA / f"{name}.safetensors")
    (DATA / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(name, result["loss"], result["field"])


def write_adapter(name: str) -> None:
    """An adapter trained in F32 and saved by the library, and the F64 logits of base and adapter."""
    model = cases.build(CASES[name], torch.float32)
    train(model, learning_rate=1e-2, schedule="Cosine", epsilon=1e-8, max_grad_norm=1.0)
    directory = DATA / SAVED[name]
    shutil.rmtree(directory, ignore_errors=True)
    model.save_adapter(directory, NAME, with_head=False, use_safetensors=True)
    written = directory / "adapter_config.json"
    saved = json.loads(written.read_text())
    saved["model_name"] = cases.base_name(CASES[name])
    written.write_text(json.dumps(saved, indent=1) + "\n")
    save_file({"logits": forward_backward(model.double())["logits"]}, directory / "logits.safetensors")


def check(directory: str, result_path: str) -> int:
    """As check_adapter.py: no missing and no unexpected key, and our logits."""
    path = pathlib.Path(directory)
    saved = json.loads((path / "adapter_config.json").read_text())
    model = base_of(saved["model_name"].removeprefix("base-"))
    adapters.init(model)
    info = {}
    name = model.load_adapter(str(path), with_head=False, use_safetensors=True, loading_info=info, set_active=True)
    ours = load_file(path / "logits.safetensors")["logits"]
    model.train_adapter(name)
    away = distance(forward_backward(model.double().eval())["logits"], ours)
    digest = lambda file: "sha256:" + hashlib.sha256((path / file).read_bytes()).hexdigest()
    verdict = {
        "files": {file: digest(file) for file in ("adapter_config.json", "adapter.safetensors")},
        "missingKeys": sorted(info["missing_keys"]),
        "unexpectedKeys": sorted(info["unexpected_keys"]),
        "logitsDistance": away,
        "versions": {"adapters": adapters.__version__, "transformers": transformers.__version__},
    }
    pathlib.Path(result_path).write_text(json.dumps(verdict, indent=1) + "\n")
    print(verdict)
    return 0 if away < 1e-5 and not verdict["missingKeys"] and not verdict["unexpectedKeys"] else 1


def main(arguments: list) -> int:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    tiny_llama.keep_double_precision()
    if arguments[:1] == ["check-adapter"]:
        return check(*arguments[1:])
    tiny_llama.write_base("wide")
    cases.CASES |= CASES
    cases.METHODS["bottleneck"] = None
    cases.PLAIN_ONLY.add("bottleneck")
    cases.with_adapter = with_adapter
    if arguments[:1] != ["adapters"]:
        for name in CASES:
            cases.write_case(name)
        for name in FAMILIES:
            write_family(name)
    for name in arguments[1:] or SAVED:
        write_adapter(name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
