"""Writes nf4.json: what bitsandbytes quantises to NF4 on a CPU.

Made with torch 2.9.1 and bitsandbytes 0.50.2 (`pip install torch==2.9.1 bitsandbytes==0.50.2`, then
`python nf4.py > nf4.json`). The tests need the JSON alone. 300 blocks of 64 and one of 33: five blocks that are hard
(zeros, thresholds, subnormal, huge, one outlier), then values that the test makes again from their index.
"""

import base64
import json

import torch
from bitsandbytes import functional

torch.set_num_threads(1)


def base64_of(tensor: torch.Tensor) -> str:
    return base64.b64encode(tensor.contiguous().numpy().tobytes()).decode()


def from_index(first: int, last: int) -> torch.Tensor:
    """((i · 2654435761 mod 2³²) >> 12) / 2²⁰ − ½, times 2^−(block mod 7): exact in F32."""
    values = [(((i * 2654435761) % 2**32 >> 12) / 2**20 - 0.5) * 2.0 ** -((i // 64) % 7) for i in range(first, last)]
    return torch.tensor(values, dtype=torch.float32)


def hard_blocks() -> torch.Tensor:
    code = functional.get_4bit_type("nf4", device="cpu").float()
    middles = (code[:-1] + code[1:]) / 2
    zeros = torch.zeros(64)
    thresholds = torch.cat([code, middles, torch.nextafter(middles, middles + 1), torch.nextafter(middles, middles - 1), zeros[:3]])
    subnormal = from_index(0, 64) * 2.0**-130
    huge = from_index(0, 64) * 2.0**120
    outlier = from_index(0, 64) * 1e-4
    outlier[40] = -3.0
    return torch.cat([zeros, thresholds, subnormal, huge, outlier])


hard = hard_blocks()
values = torch.cat([hard, from_index(320, 300 * 64 + 33)])
plain, plain_state = functional.quantize_4bit(values, blocksize=64, quant_type="nf4")
# The huge block would drown all others' scales: double quantisation is shown without it.
tail = values[320:]
packed, state = functional.quantize_4bit(tail, blocksize=64, quant_type="nf4", compress_statistics=True)
bfloat, bfloat_state = functional.quantize_4bit(tail.bfloat16(), blocksize=64, quant_type="nf4")
print(
    json.dumps(
        {
            "hard": base64_of(hard),
            "packed": base64_of(plain.flatten()),
            "absmax": base64_of(plain_state.absmax),
            "double": {
                "packed": base64_of(packed.flatten()),
                "absmaxCodes": base64_of(state.absmax),
                "nestedAbsmax": base64_of(state.state2.absmax),
                "offset": state.offset.item(),
            },
            "bf16": {"packed": base64_of(bfloat.flatten()), "absmax": base64_of(bfloat_state.absmax.float())},
        },
        indent=1,
    )
)
