"""Reference of intrinsic SAID, written from its paper: `data/said*.*`, cases like those of `cases.py`.

  W + λ·P·θ is a module with the frozen W, the parameter λ, and θ of the whole model. P is a dense matrix here, the product
  H·G·Π·H·B of dense factors from the random words that docs/reference/intrinsic-adapter.md defines.
"""

import functools
import json
import math

import numpy
import torch
from safetensors.torch import save_file

from cases import field_distance, settings_of
from diff_pruning import philox
from tiny_llama import DATA, load_base, logits_of, loss_of, read_rows, step_rows
from training import BETAS, STEPS, warmed_up, worst

SIGNS, NORMALS, ROUNDS = 0, 1, 2
WORD = 0xFFFFFFFF
# Seeds for which 20 steps are well posed.
SEEDS = {"untied": 40, "qwen3": 38}


def words(count: int, stream: int, key: tuple) -> list:
    """The first `count` random words of a stream."""
    zero = numpy.zeros(-(-count // 4), dtype=numpy.uint64)
    blocks = philox([numpy.arange(len(zero)), zero, zero, zero + numpy.uint64(stream)], key)
    return [int(word) for block in zip(*blocks) for word in block][:count]


def name_hash(name: str) -> int:
    """FNV-1a in 32 bits."""
    value = 0x811C9DC5
    for byte in name.encode():
        value = ((value ^ byte) * 0x01000193) & WORD
    return value


def mixed(value: int, key: int) -> int:
    value = (value * 0x9E3779B9 + key) & WORD
    value = ((value ^ (value >> 16)) * 0x85EBCA6B) & WORD
    value = ((value ^ (value >> 13)) * 0xC2B2AE35) & WORD
    return value ^ (value >> 16)


def permutation(size: int, key: tuple) -> list:
    bits = size.bit_length() - 1
    low_bits = bits // 2
    keys = words(6, ROUNDS, key)
    places = []
    for index in range(size):
        low, high = index % 2**low_bits, index >> low_bits
        for number, one in enumerate(keys):
            if number % 2 == 0:
                high ^= mixed(low, one) % 2 ** (bits - low_bits)
            else:
                low ^= mixed(high, one) % 2**low_bits
        places.append((high << low_bits) + low)
    return places


def normal(word: int) -> float:
    """Wichura's AS 241, PPND7."""
    u = (word + 0.5) / 2.0**32
    q = u - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        a, b = (59.10937472, 159.29113202, 50.434271938, 3.3871327179), (67.1875636, 78.757757664, 17.895169469, 1.0)
        return q * numpy.polyval(a, r) / numpy.polyval(b, r)
    r = math.sqrt(-math.log(min(u, 1 - u))) - 1.6
    c, d = (0.17023821103, 1.3067284816, 2.75681539, 1.4234372777), (0.12021132975, 0.7370016425, 1.0)
    return math.copysign(numpy.polyval(c, r) / numpy.polyval(d, r), q)


@functools.cache
def hadamard(size: int) -> numpy.ndarray:
    matrix = numpy.ones((1, 1))
    while len(matrix) < size:
        matrix = numpy.block([[matrix, matrix], [matrix, -matrix]])
    return matrix


@functools.cache
def projection(name: str, elements: int, dimension: int, seed: int) -> torch.Tensor:
    """P [elements, dimension]"""
    size = 1 << (max(elements, dimension) - 1).bit_length()
    key = (seed, name_hash(name))
    signs = numpy.array([-1.0 if word >> 31 else 1.0 for word in words(size, SIGNS, key)])
    normals = numpy.array([normal(word) for word in words(size, NORMALS, key)])
    h = hadamard(size)
    right = (h * signs)[:, :dimension]  # H·B on vectors that are 0 behind their first elements
    moved = right[permutation(size, key)]
    whole = h[:elements] @ (normals[:, None] * moved)
    return torch.from_numpy(whole / math.sqrt(elements * (normals**2).sum()))


class Projected(torch.nn.Module):
    """x·(W + λ·P·θ)ᵀ"""

    def __init__(self, linear: torch.nn.Linear, name: str, vector: torch.nn.Parameter, seed: int, generator: torch.Generator):
        super().__init__()
        self.register_buffer("weight", linear.weight.detach().clone())
        self.register_buffer("offset", linear.bias.detach().clone() if linear.bias is not None else None)
        self.register_buffer("projection", projection(name, linear.weight.numel(), len(vector), seed))
        self.intrinsic_scale = torch.nn.Parameter(1 + 0.3 * torch.randn(1, generator=generator))
        self.vectors = [vector]  # not a parameter of the module

    def forward(self, x):
        vector = self.vectors[0]
        update = self.intrinsic_scale * (self.projection.to(vector.dtype) @ vector).reshape(self.weight.shape)
        return torch.nn.functional.linear(x, self.weight + update, self.offset)


def projected_model(base: str, method: dict, dtype) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(SEEDS[base])
    vector = torch.nn.Parameter(0.8 * torch.randn(method["dimension"], generator=generator).to(dtype))
    model = load_base(base)
    for p in model.parameters():
        p.requires_grad_(False)
    for name, module in list(model.named_modules()):
        if name.split(".")[-1] not in method["targetModules"]:
            continue
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, Projected(module, name, vector, method["projectionSeed"], generator))
    exact = {name: module.projection for name, module in model.named_modules() if isinstance(module, Projected)}
    model = model.to(dtype).train()
    for name, values in exact.items():
        model.get_submodule(name).projection = values
    model.register_parameter("intrinsic_vector", vector)
    return model


def trained(model) -> dict:
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def first_step(base: str, method: dict, dtype) -> dict:
    model = projected_model(base, method, dtype)
    loss = loss_of(model, step_rows(read_rows(), 0))
    loss.backward()
    gradients = {name: p.grad.clone() for name, p in trained(model).items()}
    with torch.no_grad():
        logits = torch.cat([piece for row in step_rows(read_rows(), 0) for piece in logits_of(model, row)])
    return {"logits": logits, "loss": loss.item(), "gradients": gradients}


def train(base: str, method: dict, training: dict, epsilon: float, dtype) -> dict:
    """All parameters are vectors, which do not decay."""
    model = projected_model(base, method, dtype)
    parameters = trained(model)
    start = {name: p.detach().clone() for name, p in parameters.items()}
    optimizer = torch.optim.AdamW(parameters.values(), lr=training["learning_rate"], betas=BETAS, eps=epsilon, weight_decay=0.0, foreach=False)
    scheduler = warmed_up(optimizer, training["schedule"], STEPS)
    curves = {"losses": [], "learningRates": [], "gradNorms": []}
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(model, step_rows(read_rows(), step))
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), training["max_grad_norm"], foreach=False)
        curves["learningRates"].append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
        curves["losses"].append(loss.item())
        curves["gradNorms"].append(norm.item())
    return {"update": {name: p.detach() - start[name] for name, p in parameters.items()}, **curves}


def write(name: str, base: str, method: dict, training: dict) -> None:
    exact, field = (first_step(base, method, dtype) for dtype in (torch.float64, torch.float32))
    own = lambda prefix, values: {f"{prefix}/{key}": value.detach().float().clone().contiguous() for key, value in values.items()}
    tensors = {"logits": exact["logits"].float().contiguous()}
    tensors |= own("initial", trained(projected_model(base, method, torch.float32))) | own("gradient", exact["gradients"])
    settings = settings_of({"base": base, **training}, {"kind": "intrinsicDimension", "excludeModules": [], "layers": [], **method})
    result = {"settings": settings, "loss": exact["loss"], "field": field_distance(exact, field), "training": {}}
    for label, epsilon in (("1e-5", 1e-5), ("1e-8", 1e-8)):
        runs = [train(base, method, training, epsilon, dtype) for dtype in (torch.float64, torch.float32)]
        tensors |= own(f"update-{label}", runs[0]["update"])
        curves = {k: runs[0][k] for k in ("losses", "learningRates", "gradNorms")}
        result["training"][label] = {**curves, "fieldUpdate": worst(runs[1]["update"], runs[0]["update"])}
    save_file(tensors, DATA / f"{name}.safetensors")
    (DATA / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(name, result["loss"], result["field"], {label: one["fieldUpdate"] for label, one in result["training"].items()})


if __name__ == "__main__":
    write("said", "untied", {"dimension": 50, "projectionSeed": 5, "targetModules": ["q_proj", "up_proj"]}, {"learning_rate": 5e-2, "schedule": "Linear", "max_grad_norm": 1.0})
    write("said-qwen3", "qwen3", {"dimension": 1500, "projectionSeed": 0, "targetModules": ["k_proj", "o_proj"]}, {"learning_rate": 1e-2, "schedule": "Cosine", "max_grad_norm": 1.0})
