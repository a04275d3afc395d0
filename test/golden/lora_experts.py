"""LoRA on the experts of a mixture: PEFT's `target_parameters` on transformers 5.

  `data/lora-experts-NAME.json`, `.safetensors`   as the cases of `cases.py`, on `family-NAME`
  `data/peft-lora-experts-NAME`                   the adapter of step 0 as PEFT saves it
"""

import json
import shutil
import warnings

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

from cases import EPSILONS, field_distance
from tiny_llama import DATA, keep_double_precision
from training import BETAS, STEPS, WARMUP_STEPS, WEIGHT_DECAY, forward_backward, train, trainable, worst

TRAINING = {"learning_rate": 1e-2, "max_grad_norm": 1.0}
BOTH = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]

# Both parameters; one of them alone, in one layer; ranks and scales of their own; router and biases beside them.
CASES = {
    "mixtral": {
        "schedule": "Linear",
        "lora": {"rank": 2, "alpha": 6, "targetModules": ["q_proj", "v_proj"], "targetParameters": BOTH, "rankPattern": {"experts.down_proj": 3}, "modulesToSave": ["gate"]},
    },
    "qwen3moe": {
        "schedule": "Cosine",
        "lora": {"rank": 3, "alpha": 5, "rankStabilized": True, "targetModules": [], "targetParameters": ["layers.1.mlp.experts.gate_up_proj"], "alphaPattern": {"gate_up_proj": 8}},
    },
    "gptoss": {
        "schedule": "Linear",
        "lora": {"rank": 2, "alpha": 4, "targetModules": ["q_proj"], "targetParameters": BOTH, "bias": "LoraOnly"},
    },
}


def build(name: str, dtype):
    lora = CASES[name]["lora"]
    base = AutoModelForCausalLM.from_pretrained(DATA / f"family-{name}", attn_implementation="eager", experts_implementation="eager")
    torch.manual_seed(21)
    config = LoraConfig(
        r=lora["rank"],
        lora_alpha=lora["alpha"],
        use_rslora=lora.get("rankStabilized", False),
        target_modules=lora["targetModules"],
        target_parameters=lora["targetParameters"],
        rank_pattern=lora.get("rankPattern", {}),
        alpha_pattern=lora.get("alphaPattern", {}),
        modules_to_save=lora.get("modulesToSave"),
        bias={"None": "none", "LoraOnly": "lora_only"}[lora.get("bias", "None")],
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base, config)
    with torch.no_grad():
        for parameter, p in model.named_parameters():
            if "lora_B" in parameter:
                p.add_(torch.randn(p.shape), alpha=0.1)
    return model.to(dtype).train()


def write(name: str) -> None:
    case = CASES[name]
    exact, field = (forward_backward(build(name, dtype)) for dtype in (torch.float64, torch.float32))
    tensors = {"logits": exact["logits"].contiguous()}
    tensors |= {f"initial/{n}": p.detach().clone() for n, p in trainable(build(name, torch.float32)).items()}
    tensors |= {f"gradient/{n}": g for n, g in exact["gradients"].items()}
    settings = {
        "base": f"family-{name}",
        "nf4": None,
        "method": {"kind": "lora", "dropout": 0, "rankStabilized": False, **case["lora"]},
        "schedule": case["schedule"],
        "steps": STEPS,
        "warmupSteps": WARMUP_STEPS,
        "learningRate": TRAINING["learning_rate"],
        "maxGradNorm": TRAINING["max_grad_norm"],
        "weightDecay": WEIGHT_DECAY,
        "betas": BETAS,
    }
    result = {"settings": settings, "loss": exact["loss"], "field": field_distance(exact, field), "training": {}}
    for epsilon in EPSILONS:
        options = {**TRAINING, "schedule": case["schedule"], "epsilon": float(epsilon)}
        exact_run, field_run = (train(build(name, dtype), **options) for dtype in (torch.float64, torch.float32))
        tensors |= {f"update-{epsilon}/{n}": u.float() for n, u in exact_run["update"].items()}
        curves = {k: exact_run[k] for k in ("losses", "learningRates", "gradNorms")}
        result["training"][epsilon] = {**curves, "fieldUpdate": worst(field_run["update"], exact_run["update"])}
    save_file({n: t.contiguous() for n, t in tensors.items()}, DATA / f"lora-experts-{name}.safetensors")
    (DATA / f"lora-experts-{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(name, result["loss"], result["field"], {e: t["fieldUpdate"] for e, t in result["training"].items()})
    write_adapter(name)


def write_adapter(name: str) -> None:
    directory = DATA / f"peft-lora-experts-{name}"
    shutil.rmtree(directory, ignore_errors=True)
    model = build(name, torch.float32)
    model.peft_config["default"].base_model_name_or_path = f"family-{name}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save_pretrained(directory)
    (directory / "README.md").unlink(missing_ok=True)
    config = json.loads((directory / "adapter_config.json").read_text())
    for member in ("target_modules", "target_parameters", "modules_to_save"):
        if config[member]:
            config[member].sort()  # a set, whose order is random
    (directory / "adapter_config.json").write_text(json.dumps(config, indent=1) + "\n")
    base = AutoModelForCausalLM.from_pretrained(DATA / f"family-{name}")
    again = trainable(PeftModel.from_pretrained(base, directory, is_trainable=True))
    assert all(torch.equal(p, again[n]) for n, p in trainable(model).items()), "PEFT reads its own adapter otherwise"


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    keep_double_precision()
    for case_name in CASES:
        write(case_name)
