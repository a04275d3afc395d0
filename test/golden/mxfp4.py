"""MXFP4 as gpt-oss stores its experts: random blocks and scales, and the BF16 values that transformers makes of them.

  `data/mxfp4.safetensors`   `blocks` U8 [experts, rows, groups, 16] · `scales` U8 [experts, rows, groups] · `values` BF16
                             [experts, 32 · groups, rows], as transformers holds them

The scales have the smallest and the largest whose values are all finite.
"""

import torch
from safetensors.torch import save_file
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

from tiny_llama import DATA


def write() -> None:
    generator = torch.Generator().manual_seed(4)
    blocks = torch.randint(0, 256, (2, 5, 3, 16), generator=generator, dtype=torch.uint8)
    scales = torch.randint(100, 150, (2, 5, 3), generator=generator, dtype=torch.uint8)
    scales[0, 0] = torch.tensor([0, 127, 252])
    save_file({"blocks": blocks, "scales": scales, "values": convert_moe_packed_tensors(blocks, scales)}, DATA / "mxfp4.safetensors")


if __name__ == "__main__":
    write()
