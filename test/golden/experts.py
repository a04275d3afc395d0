"""Adapters that train the router and the experts of a layer whole, as PEFT saves them on transformers 5.

  `data/peft-experts-NAME`   LoRA of rank 2 on q_proj and v_proj of `family-NAME`, with random values, router and experts in
                             `modules_to_save`; `logits.safetensors`: those of step 0 from F64
"""

import shutil
import warnings

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

from tiny_llama import DATA, keep_double_precision
from training import forward_backward

ROUTERS = {"mixtral": "gate", "qwen3moe": "gate", "gptoss": "router"}


def write() -> None:
    for index, (name, router) in enumerate(ROUTERS.items()):
        directory = DATA / f"peft-experts-{name}"
        shutil.rmtree(directory, ignore_errors=True)
        base = AutoModelForCausalLM.from_pretrained(
            DATA / f"family-{name}", attn_implementation="eager", experts_implementation="eager"
        )
        config = LoraConfig(
            r=2, lora_alpha=3, target_modules=["q_proj", "v_proj"], modules_to_save=[router, "experts"], task_type="CAUSAL_LM"
        )
        model = get_peft_model(base, config)
        generator = torch.Generator().manual_seed(70 + index)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
        model.peft_config["default"].base_model_name_or_path = f"family-{name}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.save_pretrained(directory)
        (directory / "README.md").unlink(missing_ok=True)
        save_file({"logits": forward_backward(model.double())["logits"].float()}, directory / "logits.safetensors")


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    keep_double_precision()
    write()
