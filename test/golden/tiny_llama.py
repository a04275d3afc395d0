"""The tiny Llamas, Qwen2 and Qwen3 of all goldens, their training rows, and their reference in double precision.

Sizes are deliberately not multiples of a vector's width if the architecture allows it (vocabulary 99, feed-forward 80).
The quantised base is wider, since bitsandbytes' CPU kernel restores wrong values if a matrix's width is not a multiple
of its block of 64. Initial weights are large (deviation 0.2) so that softmax, SiLU and the norms work far from their
linear range.
"""

import importlib.util
import json
import pathlib
import tempfile

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, PretrainedConfig, Qwen2Config, Qwen3Config
from transformers.trainer_pt_utils import LabelSmoother

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE / "data"

VOCABULARY = 99
ROW_TOKENS = 32
ROWS = 8


# The directory of each base. The wide ones are only a step towards NF4 and are not kept.
BASES = {
    "untied": DATA / "base-untied",
    "tied": DATA / "base-tied",
    "qwen2": DATA / "base-qwen2",
    "qwen3": DATA / "base-qwen3",
    "wide": pathlib.Path(tempfile.gettempdir()) / "luthier-golden-base-wide",
    "wide-qwen2": pathlib.Path(tempfile.gettempdir()) / "luthier-golden-base-wide-qwen2",
}
SEEDS = {"untied": 5, "tied": 7, "qwen2": 17, "qwen3": 23, "wide": 9, "wide-qwen2": 29}


def config(base: str) -> PretrainedConfig:
    hidden, feed_forward = (64, 128) if base.startswith("wide") else (32, 80)
    families = {"qwen2": Qwen2Config, "qwen3": Qwen3Config}
    return families.get(base.removeprefix("wide-"), LlamaConfig)(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        intermediate_size=feed_forward,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=12 if base == "qwen3" else hidden // 4,
        max_position_embeddings=64,
        rms_norm_eps=1e-5,
        rope_theta=10000.0,
        tie_word_embeddings=base == "tied",
        bos_token_id=1,
        eos_token_id=2,
    )


def write_base(base: str) -> None:
    generator = torch.Generator().manual_seed(SEEDS[base])
    model = AutoModelForCausalLM.from_config(config(base))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            weight.copy_(1 + 0.1 * noise if weight.dim() == 1 else 0.2 * noise)
    model.save_pretrained(BASES[base])
    (BASES[base] / "generation_config.json").unlink(missing_ok=True)


def load_base(base: str, dtype=torch.float32, **options):
    return AutoModelForCausalLM.from_pretrained(BASES[base], dtype=dtype, attn_implementation="sdpa", **options)


def write_rows() -> None:
    """Rows of two sequences; some end in padding, which is not written. A trained token is one that carries loss."""
    generator = torch.Generator().manual_seed(11)
    draw = lambda low, high: int(torch.randint(low, high, (1,), generator=generator))
    rows = []
    for row in range(ROWS):
        first = draw(9, 20)
        second = ROW_TOKENS - first - (draw(1, 6) if row % 2 else 0)
        rows.append([sequence(length, generator) for length in (first, second)])
    (DATA / "rows.json").write_text(json.dumps({"rowTokens": ROW_TOKENS, "rows": rows}) + "\n")


def sequence(length: int, generator: torch.Generator) -> dict:
    ids = torch.randint(3, VOCABULARY, (length,), generator=generator)
    trained = torch.rand(length, generator=generator) < 0.7
    trained[0] = False  # the first token has no prediction
    trained[-1] = True
    return {"ids": ids.tolist(), "trained": trained.int().tolist()}


def read_rows() -> list:
    return json.loads((DATA / "rows.json").read_text())["rows"]


def step_rows(rows: list, step: int) -> list:
    """The two rows of optimiser step `step`, counted from 0."""
    return [rows[(2 * step) % ROWS], rows[(2 * step + 1) % ROWS]]


def logits_of(model, row: list) -> list:
    """Logits of each sequence of a row, alone and unpadded, since only our trainer packs; without those of a prompt."""
    return [model(input_ids=torch.tensor([s["ids"]])).logits[0, -len(s["ids"]) :] for s in row]


def loss_of(model, rows: list, smoothing: float = 0) -> torch.Tensor:
    """Mean over the trained tokens of the whole step, in the wider of the model's precision and F32."""
    if smoothing > 0:
        return smoothed_loss_of(model, rows, smoothing)
    total, count = 0.0, 0
    for row in rows:
        for logits, s in zip(logits_of(model, row), row):
            mask = torch.tensor(s["trained"][1:], dtype=torch.bool)
            wide = logits[:-1].to(torch.promote_types(logits.dtype, torch.float32))
            nll = torch.nn.functional.cross_entropy(wide, torch.tensor(s["ids"][1:]), reduction="none")
            total = total + nll[mask].sum()
            count += int(mask.sum())
    return total / count


def smoothed_loss_of(model, rows: list, smoothing: float) -> torch.Tensor:
    """transformers' LabelSmoother over the same tokens."""
    logits, labels = [], []
    for row in rows:
        for made, s in zip(logits_of(model, row), row):
            trained = torch.tensor(s["trained"][1:], dtype=torch.bool)
            logits.append(made[:-1])
            labels.append(torch.tensor(s["ids"][1:]).masked_fill(~trained, -100))
    return LabelSmoother(epsilon=smoothing)({"logits": torch.cat(logits)[None]}, torch.cat(labels)[None])


# Families whose norms multiply by their weight, and those that multiply by 1 + weight.
WITH_NORMS = (
    *("llama", "mistral", "ministral", "ministral3", "qwen2", "qwen3", "mixtral", "qwen3_moe", "gpt_oss"),
    *("smollm3", "phi3", "olmo2", "granite"),
)
WITH_OFFSET_NORMS = ("gemma2", "gemma3")


def modeling_of(families: tuple) -> list:
    """transformers' modules of families. adapterhub.py runs with an older one, which lacks some."""
    names = [f"transformers.models.{family}" for family in families]
    present = [name for name in names if importlib.util.find_spec(name)]
    return [importlib.import_module(f"{name}.modeling_{name.rsplit('.', 1)[1]}") for name in present]


def norms_in(families: tuple) -> list:
    classes = [value for module in modeling_of(families) for value in vars(module).values() if isinstance(value, type)]
    return list({norm for norm in classes if norm.__name__.endswith("RMSNorm") and norm.__module__.startswith("transformers.models.")})


def keep_double_precision() -> None:
    """Makes transformers' RMSNorm and softmax, which always compute in F32, compute double inputs in double."""
    for norm in norms_in(WITH_NORMS):
        norm.forward = in_given_precision(norm.forward)
    for norm in norms_in(WITH_OFFSET_NORMS):
        norm.forward = with_offset_in_given_precision(norm.forward)
    torch.nn.functional.softmax = softmax_in_given_precision(torch.nn.functional.softmax)
    for mixtral in modeling_of(("mixtral",)):
        if hasattr(mixtral, "MixtralTopKRouter"):
            mixtral.MixtralTopKRouter.forward = route_in_given_precision


def route_in_given_precision(self, hidden_states):
    logits = torch.nn.functional.linear(hidden_states.reshape(-1, self.hidden_dim), self.weight)
    scores, indices = torch.topk(torch.nn.functional.softmax(logits, dim=-1), self.top_k, dim=-1)
    return logits, scores / scores.sum(dim=-1, keepdim=True), indices


def softmax_in_given_precision(original):
    def softmax(x, dim=None, dtype=None, **options):
        return original(x, dim=dim, dtype=x.dtype if x.dtype == torch.float64 else dtype, **options)

    return softmax


def with_offset_in_given_precision(original):
    def forward(self, x):
        if x.dtype != torch.float64:
            return original(self, x)
        return (1 + self.weight) * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps))

    return forward


def in_given_precision(original):
    def forward(self, x):
        if x.dtype != torch.float64:
            return original(self, x)
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))

    return forward
