"""PEFT's EVA. Run alone, it records of `base-untied` in `data/eva-ranks.safetensors` per layer its initial A, [rank, in].

PEFT's randomised decomposition is replaced by a whole one, which is the value that it approximates.
"""

import torch
from peft import EvaConfig, LoraConfig
from peft.tuners.lora import eva
from safetensors.torch import save_file

from tiny_llama import DATA, ROWS, load_base, read_rows, step_rows

RANK, RHO, TAU = 3, 2.0, 0.95
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def batch_of(rows: list) -> dict:
    sequences = [sequence for row in rows for sequence in row]
    longest = max(len(s["ids"]) for s in sequences)
    padded = lambda values, filler: values + [filler] * (longest - len(values))
    labels = lambda s: [token if trained else -100 for token, trained in zip(s["ids"], s["trained"])]
    return {
        "input_ids": torch.tensor([padded(s["ids"], 0) for s in sequences]),
        "attention_mask": torch.tensor([padded([1] * len(s["ids"]), 0) for s in sequences]),
        "labels": torch.tensor([padded(labels(s), -100) for s in sequences]),
    }


class WholePca(eva.IncrementalPCA):
    def __init__(self, **options):
        super().__init__(**options | {"lowrank": False})


eva.IncrementalPCA = WholePca


def batches() -> list:
    return [batch_of(step_rows(read_rows(), step)) for step in range(ROWS // 2)]


def set_directions(model) -> None:
    """A of a model of PEFT whose configuration says so; its layers get other ranks."""
    eva.initialize_lora_eva_weights(model, batches(), show_progress_bar=False)


if __name__ == "__main__":
    config = LoraConfig(r=RANK, target_modules=TARGETS, init_lora_weights="eva", eva_config=EvaConfig(rho=RHO, tau=TAU))
    found = eva.get_eva_state_dict(load_base("untied"), batches(), config, show_progress_bar=False)
    print({name: a.shape[0] for name, a in found.items()})
    save_file({name: a.contiguous() for name, a in found.items() if len(a)}, DATA / "eva-ranks.safetensors")
