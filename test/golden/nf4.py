"""Records NF4 from bitsandbytes' CPU code in `data/nf4.safetensors`, per tensor T

  T/input (F32 or BF16) · T/packed (U8) · T/absmax (F32) · T/values (F32, restored)
  T/nested_codes (U8) · T/nested_absmax (F32) · T/offset (F32 [1]) · T/nested_values (F32, restored with double quantisation)

(the last four only if the mean of the scales is finite), and `map/nf4` (16 codes), `map/nested` (256 codes).
"""

import bitsandbytes.functional as bnb
import torch
from safetensors.torch import save_file

from tiny_llama import DATA

CODES = bnb.get_4bit_type("nf4", device="cpu")


def normal(*shape, seed: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def midpoints(scale: float) -> torch.Tensor:
    """Blocks with values on the thresholds between codes and one float to either side, times `scale`."""
    middle = (CODES[:-1] + CODES[1:]) / 2
    infinity = torch.tensor(float("inf"))
    values = torch.cat([middle, torch.nextafter(middle, infinity), torch.nextafter(middle, -infinity), CODES])
    block = torch.zeros(64)
    block[: len(values)] = values  # 61 values, among them ±1: the block's largest
    return block * scale


def below_infinity(dtype: torch.dtype) -> torch.Tensor:
    """Blocks whose largest value is the type's maximum, with other values large, tiny or zero."""
    largest = torch.finfo(dtype).max
    ordinary = normal(64, seed=10)
    spread = ordinary / ordinary.abs().max() * largest
    alternating = torch.tensor([largest, -largest]).repeat(32)
    ramp = torch.linspace(-1, 1, 64) * largest
    alone = torch.full((64,), 1e-30)
    alone[17] = -largest
    return torch.stack([spread, alternating, ramp, alone]).to(dtype)


def inputs() -> dict:
    tiny = torch.finfo(torch.float32).tiny
    smallest = torch.tensor(1e-45)  # the smallest denormal
    rows = normal(40, 64, seed=2)
    rows[3] = 0
    rows[7] = -0.0
    rows[20, :] = rows[20, 0]  # a constant block
    rows[21, :] = -3.5
    spread = 10.0 ** torch.linspace(-37, 37, 40).reshape(40, 1)
    return {
        "normal": normal(300, 64, seed=1),  # 300 blocks: two nested blocks, the second short
        "bf16": normal(64, 80, seed=3, scale=0.02).bfloat16(),
        "zero-and-constant": rows,
        "all-zero": torch.zeros(3, 64),
        "midpoints": torch.stack([midpoints(s) for s in (1.0, 3.0, 0.1, 1e-20, 7e18, 2.0**-120)]),
        "extremes": normal(40, 64, seed=4) * spread / 4,  # absmax from 1e-38 to 1e37
        "denormal": torch.stack([normal(64, seed=5) * tiny / 8, torch.full((64,), smallest), normal(64, seed=6) * tiny]),
        # Four such blocks: the sum of their scales overflows, so they cannot be quantised twice.
        "below-infinity": below_infinity(torch.float32),
        "below-infinity-bf16": below_infinity(torch.bfloat16),
        "one-below-infinity": torch.cat([below_infinity(torch.float32)[:1], normal(39, 64, seed=12)]),
        "odd": normal(7, 33, seed=8),  # 231 elements: a short last block, an odd number of nibbles
        "short": normal(1, 6, seed=9),
        "one": torch.tensor([[0.25]]),
    }


def restored(value: torch.Tensor, packed: torch.Tensor, state) -> torch.Tensor:
    state.dtype = torch.float32
    # As one row: bitsandbytes' kernel is wrong if a row is no multiple of the block.
    state.shape = torch.Size((1, value.numel()))
    return bnb.dequantize_4bit(packed, state).reshape(value.shape).contiguous()


def write() -> None:
    tensors = {"map/nf4": CODES, "map/nested": bnb.create_dynamic_map()}
    for name, value in inputs().items():
        packed, state = bnb.quantize_4bit(value, blocksize=64, quant_type="nf4")
        tensors |= {
            f"{name}/input": value,
            f"{name}/packed": packed.reshape(-1),
            f"{name}/absmax": state.absmax,
            f"{name}/values": restored(value, packed, state),
        }
        if not state.absmax.mean().isfinite():
            continue
        packed2, nested = bnb.quantize_4bit(value, blocksize=64, quant_type="nf4", compress_statistics=True)
        assert torch.equal(packed, packed2)
        tensors |= {
            f"{name}/nested_codes": nested.absmax,
            f"{name}/nested_absmax": nested.state2.absmax,
            f"{name}/offset": nested.offset.reshape(1),
            f"{name}/nested_values": restored(value, packed, nested),
        }
    save_file({k: v.clone().contiguous() for k, v in tensors.items()}, DATA / "nf4.safetensors")
