"""8-bit AdamW of bitsandbytes: `data/adamw8.safetensors`, 20 steps of one matrix [24, 300] and of a vector of 50 elements.

bitsandbytes' own optimiser, its moments quantised by its kernel for double precision, which finds the nearest code, as its
CUDA kernels do. (Its CPU kernel for F32 finds codes in a table of 65,536 evenly spaced values, so that a moment of 0 gets
the code of 2e-5 times the block's largest.) `map/…`: the two dynamic maps. The values at the start and the gradients are a
formula (`values`), which adamw8.test.ts repeats.
"""

import pathlib

import bitsandbytes as bnb
import numpy as np
import torch
from bitsandbytes.backends.cpu import ops as cpu_ops
from safetensors.torch import save_file

DATA = pathlib.Path(__file__).parent / "data"
ROWS, COLUMNS, SMALL, STEPS = 24, 300, 50, 20
OPTIONS = {"lr": 1e-2, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01}


def values(count: int, seed: int) -> torch.Tensor:
    """Numbers in (-0.5, 0.5) of a linear congruential generator."""
    made, state = [], seed
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        made.append((state + 0.5) / 2**32 - 0.5)
    return torch.from_numpy(np.array(made)).float()


def gradient(step: int) -> torch.Tensor:
    """Over five orders of magnitude; every seventh element and the elements of the fourth block are 0."""
    at = torch.arange(ROWS * COLUMNS)
    used = ((at % 7 != 0) & (at // 256 != 3)).float()
    return values(ROWS * COLUMNS, 100 + step) * (10.0 ** -(at % 5)).float() * used


def train() -> dict:
    matrix = torch.nn.Parameter(values(ROWS * COLUMNS, 1).view(ROWS, COLUMNS))
    vector = torch.nn.Parameter(values(SMALL, 2))
    optimizer = bnb.optim.AdamW8bit([matrix, vector], **OPTIONS)
    for step in range(STEPS):
        matrix.grad = gradient(step).view(ROWS, COLUMNS)
        vector.grad = values(SMALL, 200 + step)
        optimizer.step()
    state = optimizer.state[matrix]
    assert optimizer.state[vector]["state1"].dtype == torch.float32
    return {
        "theta": matrix.detach(),
        "m": state["state1"],
        "mScale": state["absmax1"],
        "v": state["state2"],
        "vScale": state["absmax2"],
        "vector": vector.detach(),
    }


def nearest(values, code, scales, codes, blocksize) -> None:
    made, absmax = torch.ops.bitsandbytes.quantize_blockwise(values.double(), code, blocksize)
    codes.copy_(made)
    scales.copy_(absmax)


def write() -> None:
    cpu_ops._quant_blockwise_fp32_direct = nearest
    maps = {f"map/{name}": bnb.functional.create_dynamic_map(signed=name == "signed") for name in ("signed", "unsigned")}
    tensors = {**train(), **maps}
    save_file({name: value.contiguous() for name, value in tensors.items()}, DATA / "adamw8.safetensors")


if __name__ == "__main__":
    torch.set_num_threads(1)
    write()
