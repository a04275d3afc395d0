"""The loss that balances the routers' load, of the mixtures among the families: full fine-tuning with a coefficient.

  `data/balanced.json`              NAME -> loss of step 0 and the distance of transformers' own F32, as `families.json`
  `data/balanced-NAME.safetensors`  `logits`, `gradient/NAME`, as `family-NAME.safetensors`

The loss is the mean over the step's trained tokens of transformers' loss of the sequence that they are in, as a batch of its own.
"""

import json

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

from families import as_trained
from tiny_llama import DATA, keep_double_precision, logits_of, read_rows, step_rows
from training import distance, trainable, worst

COEFFICIENT = 0.5
MIXTURES = ("mixtral", "qwen3moe", "gptoss")


def in_given_precision(original):
    """transformers sums probabilities in F32; here doubles stay doubles."""
    return lambda self, *options, **more: self if self.dtype == torch.float64 else original(self, *options, **more)


def loss_of(model, rows: list) -> torch.Tensor:
    """transformers' own loss of each sequence, with labels and `output_router_logits`, weighted by its trained tokens."""
    total, count = 0.0, 0
    for s in (s for row in rows for s in row):
        ids, trained = torch.tensor([s["ids"]]), torch.tensor([s["trained"]], dtype=torch.bool)
        made = model(input_ids=ids, attention_mask=torch.ones_like(ids), output_router_logits=True)
        nll = torch.nn.functional.cross_entropy(made.logits[0, :-1], ids[0, 1:], reduction="none")
        targets = int(trained[0, 1:].sum())
        total = total + nll[trained[0, 1:]].sum() + targets * COEFFICIENT * made.aux_loss
        count += targets
    return total / count


def check_whole_loss(model, rows: list) -> None:
    """Our sum of parts is the loss that transformers computes by itself."""
    s = rows[0][0]
    ids, trained = torch.tensor([s["ids"]]), torch.tensor([s["trained"]], dtype=torch.bool)
    model.router_aux_loss_coef = COEFFICIENT
    theirs = model(input_ids=ids, labels=ids.masked_fill(~trained, -100), output_router_logits=True).loss
    assert abs(theirs.item() / loss_of(model, [[s]]).item() - 1) < 1e-6


def results_of(name: str, dtype) -> dict:
    model = AutoModelForCausalLM.from_pretrained(
        DATA / f"family-{name}", dtype=dtype, attn_implementation="eager", experts_implementation="eager"
    ).train()
    rows = step_rows(read_rows(), 0)
    check_whole_loss(model, rows)
    loss = loss_of(model, rows)
    loss.backward()
    gradients = {n: p.grad.clone() for n, p in trainable(model).items()}
    with torch.no_grad():
        logits = torch.cat([piece for row in rows for piece in logits_of(model, row)])
    return {"logits": logits, "loss": loss.item(), "gradients": gradients, "family": model.config.model_type}


def write() -> None:
    results = {}
    for name in MIXTURES:
        exact, field = (results_of(name, dtype) for dtype in (torch.float64, torch.float32))
        gradients = [part for n, g in exact["gradients"].items() for part in as_trained(n, g, exact["family"])]
        tensors = {"logits": exact["logits"]} | {f"gradient/{n}": g for n, g in gradients}
        save_file({n: t.float().contiguous() for n, t in tensors.items()}, DATA / f"balanced-{name}.safetensors")
        results[name] = {
            "loss": exact["loss"],
            "field": {
                "logits": distance(field["logits"], exact["logits"]),
                "loss": abs(field["loss"] / exact["loss"] - 1),
                "gradient": worst(field["gradients"], exact["gradients"]),
            },
        }
        print(name, results[name])
    (DATA / "balanced.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    keep_double_precision()
    torch.Tensor.float = in_given_precision(torch.Tensor.float)
    write()
