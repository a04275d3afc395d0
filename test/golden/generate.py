"""Writes the goldens (data/), or checks an adapter written by our trainer. See README.md.

  python generate.py                              all goldens
  python generate.py case NAME…                   some of the cases, on the existing bases
  python generate.py quantized                    only the bases in NF4
  python generate.py partly-quantized             only the base with layers that are not quantised
  python generate.py families [NAME…]             the families, or some of them
  python generate.py preferences                  only the objectives of preferences
  python generate.py check-adapter DIR RESULT     checks DIR in PEFT (keys, logits); writes the verdict to RESULT (JSON)
"""

import sys

import torch
import transformers

import adamw8
import cases
import check_adapter
import families
import mxfp4
import nf4
import preferences
import rope
import tiny_llama


def all_goldens() -> None:
    tiny_llama.DATA.mkdir(exist_ok=True)
    for base in tiny_llama.BASES:
        tiny_llama.write_base(base)
    tiny_llama.write_rows()
    nf4.write()
    mxfp4.write()
    rope.write()
    adamw8.write()
    cases.write_quantized_bases()
    cases.write_partly_quantized_base()
    cases.write_given_adapters()
    for name in cases.CASES:
        cases.write_case(name)
    for name in cases.SAVED:
        cases.write_adapter(name)
    cases.write_schedules()
    cases.write_curve()
    families.write([])
    preferences.write()


def main(arguments: list) -> int:
    torch.set_num_threads(1)  # fixes the order of sums
    torch.use_deterministic_algorithms(True)
    transformers.utils.logging.disable_progress_bar()
    tiny_llama.keep_double_precision()
    match arguments:
        case []:
            return all_goldens() or 0
        case ["case", *names]:
            for base in ("wide", "wide-qwen2"):
                tiny_llama.write_base(base)
            cases.write_given_adapters()
            for name in names:
                cases.write_case(name)
                if name in cases.SAVED:
                    cases.write_adapter(name)
            return 0
        case ["quantized"]:
            for base in ("wide", "wide-qwen2"):
                tiny_llama.write_base(base)
            return cases.write_quantized_bases() or 0
        case ["partly-quantized"]:
            return cases.write_partly_quantized_base() or 0
        case ["families", *names]:
            return families.write(names) or 0
        case ["preferences"]:
            return preferences.write() or 0
        case ["check-adapter", directory, result]:
            return check_adapter.check(directory, result)
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
