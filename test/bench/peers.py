"""The training that throughput.ts measures, by PyTorch, PEFT and bitsandbytes: one JSON line of figures.

  python peers.py FORMAT THREADS STEPS      FORMAT: F32, BF16 or NF4

The same shape, tokens and optimiser: a Llama of 135 M random weights, LoRA of rank 16 on all linear layers, two sequences
of 512 tokens, no padding, AdamW. BF16 and NF4 run under autocast, as transformers' trainer does with bf16=True; NF4 has
double quantisation and computes in BF16. No gradient checkpointing: nothing is recomputed on either side.
"""

import contextlib
import json
import pathlib
import resource
import sys
import tempfile
import time

import torch
import transformers
from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
from transformers import BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM

SEQUENCES, TOKENS = 2, 512
CONFIG = LlamaConfig(
    vocab_size=49152,
    hidden_size=576,
    intermediate_size=1536,
    num_hidden_layers=30,
    num_attention_heads=9,
    num_key_value_heads=3,
    max_position_embeddings=TOKENS,
    tie_word_embeddings=True,
)
NF4 = BitsAndBytesConfig(
    load_in_4bit=True,
    bnb_4bit_quant_type="nf4",
    bnb_4bit_use_double_quant=True,
    bnb_4bit_compute_dtype=torch.bfloat16,
)


def base(format: str):
    dtype = torch.float32 if format == "F32" else torch.bfloat16
    model = LlamaForCausalLM(CONFIG).to(dtype)
    if format != "NF4":
        return model
    with tempfile.TemporaryDirectory() as directory:
        model.save_pretrained(directory)
        quantized = LlamaForCausalLM.from_pretrained(directory, dtype=dtype, quantization_config=NF4, device_map="cpu")
    return prepare_model_for_kbit_training(quantized, use_gradient_checkpointing=False)


def times_of_steps(format: str, steps: int) -> dict:
    """Wall-clock and processor seconds of each step; the latter count both threads."""
    lora = LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(base(format), lora).train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-4)
    ids = torch.randint(0, CONFIG.vocab_size, (SEQUENCES, TOKENS))
    precision = contextlib.nullcontext() if format == "F32" else torch.autocast("cpu", torch.bfloat16)
    wall, processor = [], []
    for _ in range(steps + 1):
        start, used = time.perf_counter(), time.process_time()
        optimizer.zero_grad()
        with precision:
            loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        wall.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    return {"secondsPerStep": wall[1:], "coreSecondsPerStep": processor[1:]}  # the first one also allocates


def main(format: str, threads: str, steps: str) -> None:
    torch.set_num_threads(int(threads))
    torch.manual_seed(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    times = times_of_steps(format, int(steps))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({**times, "peakBytes": peak, "versions": versions()}))


def versions() -> dict:
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "transformers", "peft", "bitsandbytes")}


if __name__ == "__main__":
    main(*sys.argv[1:])
