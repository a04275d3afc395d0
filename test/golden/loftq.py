"""PEFT's LoftQ. Run alone, it records in `data/loftq-matrix.safetensors` of one matrix, per number of iterations N

  weight (F32) · N/values (F32, the quantised matrix, restored) · N/product (F32, B·A)

PEFT computes on "cuda"; here that name means the CPU.
"""

import bitsandbytes as bnb
import peft.utils.loftq_utils as loftq
import torch
from safetensors.torch import save_file

from tiny_llama import DATA

RANK = 5
ITERATIONS = (1, 3)


def on_cpu(to):
    here = lambda value: "cpu" if value == "cuda" else value
    return lambda self, *args, **named: to(self, *map(here, args), **{key: here(value) for key, value in named.items()})


torch.Tensor.to = on_cpu(torch.Tensor.to)
bnb.nn.Params4bit.to = on_cpu(bnb.nn.Params4bit.to)
loftq.is_xpu_available = lambda: False


def set_factors(model, directory) -> None:
    """A and B of a model of PEFT on a base in NF4, by the original weights in a directory."""
    loftq.replace_lora_weights_loftq(model, str(directory))


if __name__ == "__main__":
    weight = 0.02 * torch.randn(24, 64, generator=torch.Generator().manual_seed(3))
    tensors = {"weight": weight}
    for iterations in ITERATIONS:
        values, a, b = loftq.loftq_init(weight, 4, RANK, iterations)
        tensors |= {f"{iterations}/values": values.contiguous(), f"{iterations}/product": (b @ a).contiguous()}
    save_file(tensors, DATA / "loftq-matrix.safetensors")
