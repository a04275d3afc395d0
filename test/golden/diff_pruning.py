"""Reference of diff pruning, written from its paper: `data/diff-pruning*.*`, cases like those of `cases.py`.

  W + δ is a module with the frozen W and the parameters w, α and, if structured, the α of the matrix. Gates are sampled from
  uniform numbers of Philox4x32-10 by seed, step, layer and position, as docs/engine.md defines them.
"""

import json
import math

import numpy
import torch
from safetensors.torch import save_file

from cases import field_distance, settings_of
from tiny_llama import DATA, load_base, logits_of, loss_of, read_rows, step_rows
from training import BETAS, STEPS, WEIGHT_DECAY, warmed_up, worst

LOW, HIGH = -1.5, 1.5
ELEMENTS, MATRICES = 0xFFFFFFFE, 0xFFFFFFFD
SEED = 0


def philox(counter: list, key: tuple) -> list:
    """The four words of counters under a key; words are uint64 arrays below 2³²."""
    mask = numpy.uint64(0xFFFFFFFF)
    a, b, c, d = (numpy.asarray(word, dtype=numpy.uint64) for word in counter)
    k0, k1 = (numpy.uint64(word) for word in key)
    for _ in range(10):
        first, second = numpy.uint64(0xD2511F53) * a, numpy.uint64(0xCD9E8D57) * c
        a, b, c, d = (second >> numpy.uint64(32)) ^ b ^ k0, second & mask, (first >> numpy.uint64(32)) ^ d ^ k1, first & mask
        k0, k1 = (k0 + numpy.uint64(0x9E3779B9)) & mask, (k1 + numpy.uint64(0xBB67AE85)) & mask
    return [a, b, c, d]


def uniforms(shape: tuple, layer: int, stream: int, step: int) -> torch.Tensor:
    rows, columns = numpy.meshgrid(numpy.arange(shape[0]), numpy.arange(shape[1]), indexing="ij")
    words = philox([columns // 4, rows, numpy.full(shape, layer), numpy.full(shape, stream)], (SEED, step))
    word = numpy.choose(columns % 4, words)
    return torch.from_numpy((word.astype(numpy.float64) + 0.5) / 2.0**32)


def gate(alpha: torch.Tensor, u) -> torch.Tensor:
    """Hard concrete: stretched to (LOW, HIGH) and clamped to [0, 1]; u is None for its median."""
    logit = 0.0 if u is None else (u.log() - (1 - u).log()).to(alpha.dtype)
    return (torch.sigmoid(logit + alpha) * (HIGH - LOW) + LOW).clamp(0, 1)


class Gated(torch.nn.Module):
    """x·(W + z ⊙ w)ᵀ"""

    def __init__(self, linear: torch.nn.Linear, layer: int, structured: bool, generator: torch.Generator):
        super().__init__()
        normal = lambda shape, mean, deviation: torch.nn.Parameter(mean + deviation * torch.randn(shape, generator=generator))
        self.register_buffer("weight", linear.weight.detach().clone())
        self.register_buffer("offset", linear.bias.detach().clone() if linear.bias is not None else None)
        self.layer, self.step = layer, None
        self.diff = normal(linear.weight.shape, 0, 0.1)
        self.diff_alpha = normal(linear.weight.shape, 0.5, 1)
        self.diff_group = normal((1,), 0.5, 0.1) if structured else None

    def difference(self) -> torch.Tensor:
        sampled = lambda shape, stream: None if self.step is None else uniforms(shape, self.layer, stream, self.step)
        delta = self.diff * gate(self.diff_alpha, sampled(self.diff.shape, ELEMENTS))
        if self.diff_group is None:
            return delta
        u = sampled((1, 1), MATRICES)
        return delta * gate(self.diff_group, None if u is None else u[0])

    def expected(self) -> torch.Tensor:
        """The expected number of elements that are not 0."""
        shift = math.log(-LOW / HIGH)
        whole = 1.0 if self.diff_group is None else torch.sigmoid(self.diff_group - shift)
        return (torch.sigmoid(self.diff_alpha - shift) * whole).sum()

    def forward(self, x):
        return torch.nn.functional.linear(x, self.weight + self.difference(), self.offset)


def gated_model(base: str, method: dict, dtype) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(31)
    model = load_base(base)
    for p in model.parameters():
        p.requires_grad_(False)
    layers = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear) and name != "lm_head"]
    for layer, name in enumerate(layers):
        number = int(name.split(".")[2])
        if name.split(".")[-1] not in method["targetModules"] or (method["layers"] and number not in method["layers"]):
            continue
        parent, _, last = name.rpartition(".")
        linear = model.get_submodule(name)
        setattr(model.get_submodule(parent), last, Gated(linear, layer, method["structured"], generator))
    return model.to(dtype).train()


def gated(model) -> list:
    return [module for module in model.modules() if isinstance(module, Gated)]


def trained(model) -> dict:
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def total_loss(model, step: int, penalty: float) -> tuple:
    """The loss of a step from 1 on, and with the penalty."""
    for module in gated(model):
        module.step = step
    loss = loss_of(model, step_rows(read_rows(), step - 1))
    for module in gated(model):
        module.step = None
    return loss, loss + penalty * sum(module.expected() for module in gated(model))


def first_step(base: str, method: dict, dtype) -> dict:
    model = gated_model(base, method, dtype)
    loss, total = total_loss(model, 1, method["penalty"])
    total.backward()
    gradients = {name: p.grad.clone() for name, p in trained(model).items()}
    with torch.no_grad():
        logits = torch.cat([piece for row in step_rows(read_rows(), 0) for piece in logits_of(model, row)])
    return {"logits": logits, "loss": loss.item(), "gradients": gradients}


@torch.no_grad()
def fix(model, density: float) -> None:
    """Keeps the largest differences of all matrices; their gates stay open, the others closed."""
    differences = [module.difference() for module in gated(model)]
    sizes = torch.cat([delta.abs().flatten() for delta in differences])
    threshold = sizes.sort(descending=True).values[round(density * len(sizes)) - 1]
    for module, delta in zip(gated(model), differences):
        kept = delta.abs() >= threshold
        module.diff.copy_(delta * kept)
        module.diff_alpha.copy_(torch.where(kept, 1000.0, -1000.0))
        if module.diff_group is not None:
            module.diff_group.fill_(1000.0)


def train(base: str, method: dict, training: dict, epsilon: float, dtype) -> dict:
    model = gated_model(base, method, dtype)
    parameters = trained(model)
    start = {name: p.detach().clone() for name, p in parameters.items()}
    rate, ratio = training["learning_rate"], method["learningRateRatio"]
    values = [p for name, p in parameters.items() if name.endswith(".diff")]
    gates = [p for name, p in parameters.items() if not name.endswith(".diff")]
    groups = [{"params": values, "lr": rate, "weight_decay": WEIGHT_DECAY}, {"params": gates, "lr": rate * ratio, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=BETAS, eps=epsilon, foreach=False)
    scheduler = warmed_up(optimizer, training["schedule"], STEPS)
    curves = {"losses": [], "learningRates": [], "gradNorms": []}
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        loss, total = total_loss(model, step, method["penalty"])
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), training["max_grad_norm"], foreach=False)
        curves["learningRates"].append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
        if step == STEPS - max(1, round(method["fixedShare"] * STEPS)):
            fix(model, method["density"])
        curves["losses"].append(loss.item())
        curves["gradNorms"].append(norm.item())
    return {"update": {name: p.detach() - start[name] for name, p in parameters.items()}, **curves}


def write(name: str, base: str, method: dict, training: dict) -> None:
    exact, field = (first_step(base, method, dtype) for dtype in (torch.float64, torch.float32))
    own = lambda prefix, values: {f"{prefix}/{key}": value.detach().float().clone().contiguous() for key, value in values.items()}
    tensors = {"logits": exact["logits"].float().contiguous()}
    tensors |= own("initial", trained(gated_model(base, method, torch.float32))) | own("gradient", exact["gradients"])
    settings = settings_of({"base": base, **training}, {"kind": "diffPruning", "excludeModules": [], **method})
    result = {"settings": settings, "loss": exact["loss"], "field": field_distance(exact, field), "training": {}}
    runs = [train(base, method, training, 1e-5, dtype) for dtype in (torch.float64, torch.float32)]
    tensors |= own("update-1e-5", runs[0]["update"])
    curves = {k: runs[0][k] for k in ("losses", "learningRates", "gradNorms")}
    result["training"]["1e-5"] = {**curves, "fieldUpdate": worst(runs[1]["update"], runs[0]["update"])}
    save_file(tensors, DATA / f"{name}.safetensors")
    (DATA / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(name, result["loss"], result["field"], result["training"]["1e-5"]["fieldUpdate"])


STRUCTURED = {
    "density": 0.1,
    "penalty": 1e-4,
    "fixedShare": 0.4,
    "structured": True,
    "learningRateRatio": 5,
    "targetModules": ["q_proj", "down_proj"],
    "layers": [],
}
TRAINING = {"learning_rate": 1e-2, "schedule": "Linear", "max_grad_norm": 1.0}

if __name__ == "__main__":
    write("diff-pruning", "untied", STRUCTURED, TRAINING)
    other = {**STRUCTURED, "structured": False, "density": 0.2, "fixedShare": 0.5, "targetModules": ["k_proj", "up_proj"], "layers": [1]}
    write("diff-pruning-qwen2", "qwen2", other, {**TRAINING, "schedule": "Cosine"})
