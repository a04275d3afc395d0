"""Reference of FISH Mask, written from its paper: `data/fish-mask.*`, a case like those of `cases.py`.

  W + ΔW is a module with the frozen W and the parameter ΔW.
"""

import json

import torch
from safetensors.torch import save_file

from cases import field_distance, settings_of
from tiny_llama import DATA, load_base, read_rows
from training import forward_backward, train, worst

TRAINING = {"learning_rate": 2e-2, "schedule": "Linear", "max_grad_norm": 1.0}
TARGETS = ["q_proj", "down_proj"]


class Changed(torch.nn.Module):
    """x·(W + ΔW)ᵀ"""

    def __init__(self, linear: torch.nn.Linear):
        super().__init__()
        self.register_buffer("weight", linear.weight.detach().clone())
        self.diff = torch.nn.Parameter(torch.zeros_like(linear.weight))

    def forward(self, x):
        return torch.nn.functional.linear(x, self.weight + self.diff)


def changed_model(dtype) -> torch.nn.Module:
    """`base-untied` with differences from the targets."""
    model = load_base("untied")
    for p in model.parameters():
        p.requires_grad_(False)
    for name, module in list(model.named_modules()):
        if name.split(".")[-1] in TARGETS:
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, Changed(module))
    return model.to(dtype).train()


def diffs_of(model) -> dict:
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def write(name: str, method: dict, masks: dict) -> None:
    exact, field = (forward_backward(changed_model(dtype)) for dtype in (torch.float64, torch.float32))
    own = lambda prefix, values: {f"{prefix}/{key}": value.detach().float().clone().contiguous() for key, value in values.items()}
    tensors = {"logits": exact["logits"].float().contiguous()} | own("mask", masks)
    tensors |= own("initial", diffs_of(changed_model(torch.float32))) | own("gradient", exact["gradients"])
    result = {"settings": settings_of({"base": "untied", **TRAINING}, method), "loss": exact["loss"], "field": field_distance(exact, field), "training": {}}
    runs = []
    for dtype in (torch.float64, torch.float32):
        model = changed_model(dtype)
        for key, p in diffs_of(model).items():
            p.register_hook(lambda gradient, mask=masks[key]: gradient * mask.to(gradient.dtype))
        runs.append(train(model, **TRAINING, epsilon=1e-5))
    tensors |= own("update-1e-5", runs[0]["update"])
    curves = {k: runs[0][k] for k in ("losses", "learningRates", "gradNorms")}
    result["training"]["1e-5"] = {**curves, "fieldUpdate": worst(runs[1]["update"], runs[0]["update"])}
    save_file(tensors, DATA / f"{name}.safetensors")
    (DATA / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(name, result["loss"], result["field"], result["training"]["1e-5"]["fieldUpdate"])


def fish_mask(density: float, samples: int) -> None:
    """The mask: the largest of the sums over examples of squared gradients of log p(y|x)."""
    model = changed_model(torch.float64)
    diffs = diffs_of(model)
    information = {name: torch.zeros_like(p) for name, p in diffs.items()}
    for sequence in [s for row in read_rows() for s in row][:samples]:
        logits = model(input_ids=torch.tensor([sequence["ids"]])).logits[0, :-1]
        chosen = torch.tensor(sequence["trained"][1:], dtype=torch.bool)
        targets = torch.tensor(sequence["ids"][1:])
        likelihood = torch.log_softmax(logits, -1).gather(1, targets[:, None])[:, 0][chosen].sum()
        for name, gradient in zip(diffs, torch.autograd.grad(likelihood, list(diffs.values()))):
            information[name] += gradient**2
    every = torch.cat([values.flatten() for values in information.values()])
    threshold = every.sort(descending=True).values[round(density * len(every)) - 1]
    masks = {name: (values >= threshold).float() for name, values in information.items()}
    method = {"kind": "fishMask", "density": density, "samples": samples, "targetModules": TARGETS, "excludeModules": [], "layers": []}
    write("fish-mask", method, masks)


if __name__ == "__main__":
    fish_mask(0.1, 6)
