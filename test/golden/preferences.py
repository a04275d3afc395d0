"""Objectives of preferences: losses and gradients of TRL's own code, and 20 steps of AdamW, as `data/CASE.*`.

`preference-rows.json`: rows of at most 40 tokens with whole pairs (`pairs`), and rows of answers that are each wanted or not
(`labelled`). Step s (from 0) uses rows 2s and 2s+1, modulo 6. Each sequence runs alone and unpadded, in F64; TRL's trainers
get its log-probabilities, and those of the base without an adapter as precomputed ones.

TRL rounds to F32 in one place, `odds_ratio_loss`; `in_double` leaves a double as it is there.
"""

import collections
import contextlib
import json
import types

import torch
from safetensors.torch import save_file
from trl.experimental.orpo.orpo_trainer import ORPOTrainer
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.kto_trainer import KTOTrainer

from cases import build, settings_of, written_method
from tiny_llama import DATA, VOCABULARY, load_base
from training import BETAS, STEPS, adamw, trainable, warmed_up, worst

ROWS = 6
ROW_TOKENS = 40
FILE = DATA / "preference-rows.json"
SUBSET = {"rank": 3, "alpha": 5, "rankStabilized": True, "targetModules": ["q_proj", "v_proj", "down_proj"]}
COMMON = {"learning_rate": 1e-2, "max_grad_norm": 1.0}

DPO = {"type": "DPO", "beta": 0.5}
CASES = {
    "dpo-lora": {"base": "untied", "schedule": "Cosine", "lora": SUBSET, "objective": DPO, **COMMON},
    # The base's biases are trained, and the reference has its own.
    "dpo-bias": {"base": "qwen2", "schedule": "Linear", "lora": {**SUBSET, "bias": "LoraOnly"}, "objective": DPO, **COMMON},
    # The base's matrices are changed, and the reference has the whole ones.
    "dpo-pissa": {"base": "untied", "schedule": "Linear", "lora": {**SUBSET, "initialization": "PiSSA"}, "fresh": True, "objective": DPO, **COMMON},
    "dpo-prefix": {"base": "untied", "schedule": "Cosine", "prefixTuning": {"virtualTokens": 3}, "fresh": True, "objective": DPO, **COMMON},
    "orpo-dora": {"base": "qwen2", "schedule": "Cosine", "dora": SUBSET, "objective": {"type": "ORPO", "lambda": 0.7}, **COMMON},
    "kto-lora": {"base": "tied", "schedule": "Linear", "lora": SUBSET, "objective": {"type": "KTO", "beta": 0.3, "desirableWeight": 1.5, "undesirableWeight": 0.7}, "seed": 31, **COMMON},
}


def write_rows() -> None:
    generator = torch.Generator().manual_seed(31)
    draw = lambda low, high: int(torch.randint(low, high, (1,), generator=generator))
    ids = lambda length: torch.randint(3, VOCABULARY, (length,), generator=generator).tolist()
    sequence = lambda prompt, answer, role: {"ids": prompt + answer, "trained": [0] * len(prompt) + [1] * len(answer), "role": role}

    def pair(longest: int) -> list:
        prompt = ids(draw(3, longest))
        return [sequence(prompt, ids(draw(2, longest)), role) for role in ("chosen", "rejected")]

    pairs = [pair(9) if row % 2 else [*pair(5), *pair(5)] for row in range(ROWS)]
    labelled = [[sequence(ids(draw(3, 7)), ids(draw(2, 7)), "chosen" if draw(0, 2) else "rejected") for _ in range(3)] for _ in range(ROWS)]
    FILE.write_text(json.dumps({"rowTokens": ROW_TOKENS, "pairs": pairs, "labelled": labelled}) + "\n")


# The rewards' figures of the last loss, as TRL logs them.
REWARDS = {}


def step_sequences(case: dict, step: int) -> list:
    rows = json.loads(FILE.read_text())["labelled" if case["objective"]["type"] == "KTO" else "pairs"]
    return rows[(2 * step) % ROWS] + rows[(2 * step + 1) % ROWS]


def log_probs(model, sequences: list) -> list:
    """The log-probabilities of every token after the first, of each sequence."""
    found = []
    for s in sequences:
        logits = model(input_ids=torch.tensor([s["ids"]])).logits[0, -len(s["ids"]) :]
        found.append(logits[:-1].log_softmax(-1).gather(1, torch.tensor(s["ids"][1:])[:, None])[:, 0])
    return found


def answer_sums(model, sequences: list) -> torch.Tensor:
    return torch.stack([p[torch.tensor(s["trained"][1:], dtype=torch.bool)].sum() for p, s in zip(log_probs(model, sequences), sequences)])


def recorder() -> dict:
    """The members with which TRL's trainers log; none of them enters the loss."""
    gather = types.SimpleNamespace(device="cpu", gather_for_metrics=lambda x: x, gather=lambda x: x)
    metrics = {mode: collections.defaultdict(list) for mode in ("train", "eval")}
    return {"accelerator": gather, "_metrics": metrics, "_total_train_tokens": 0, "_tp_size": 1, "aux_loss_enabled": False}


def outputs_of(sums: torch.Tensor):
    """A model's outputs with one token an answer, whose log-probability is the answer's."""
    column = sums[:, None]
    zeros = torch.zeros_like(column).detach()
    return types.SimpleNamespace(log_probs=column, entropy=zeros, mean_logits=zeros, is_top1=zeros.bool())


def one_token_each(count: int) -> dict:
    ids, mask = torch.zeros(count, 2, dtype=torch.long), torch.tensor([[0, 1]] * count)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "completion_mask": mask}


def dpo(policy: torch.Tensor, reference: torch.Tensor, objective: dict) -> torch.Tensor:
    order = [*range(0, len(policy), 2), *range(1, len(policy), 2)]  # TRL's batch: chosen answers, then rejected ones
    chosen, rejected = reference[0::2], reference[1::2]
    trainer = types.SimpleNamespace(
        **recorder(),
        model=types.SimpleNamespace(training=True),
        **{"ld_alpha": None, "precompute_ref_logps": True, "f_divergence_type": "reverse_kl", "use_weighting": False},
        **{"loss_types": ["sigmoid"], "loss_weights": [1.0], "beta": objective["beta"], "label_smoothing": 0.0},
    )
    inputs = {**one_token_each(len(policy)), "ref_chosen_logps": chosen, "ref_rejected_logps": rejected}
    loss = DPOTrainer._compute_loss(trainer, lambda **_: outputs_of(policy[order]), inputs, False)
    logged = trainer._metrics["train"]
    REWARDS.update(accuracy=logged["rewards/accuracies"][0], margin=logged["rewards/margins"][0])
    return loss


def kto(policy, reference, mismatched, mismatched_reference, sequences: list, objective: dict) -> torch.Tensor:
    labels = torch.tensor([s["role"] == "chosen" for s in sequences])
    trainer = types.SimpleNamespace(
        **recorder(),
        model=types.SimpleNamespace(training=True),
        _compute_kl_logps=lambda model, batch: mismatched.detach(),
        **{"precompute_ref_logps": True, "calculate_KL": True, "loss_type": "kto", "beta": objective["beta"]},
        **{"desirable_weight": objective["desirableWeight"], "undesirable_weight": objective["undesirableWeight"]},
    )
    inputs = {**one_token_each(len(policy)), "label": labels, "ref_logps": reference, "ref_KL_logps": mismatched_reference}
    loss = KTOTrainer._compute_loss(trainer, lambda **_: outputs_of(policy), inputs, False)
    logged = trainer._metrics["train"]
    REWARDS.update(accuracy=None, margin=logged["rewards/margins"][0], divergence=logged["kl"][0])
    return loss


@contextlib.contextmanager
def in_double():
    original = torch.Tensor.float
    torch.Tensor.float = lambda self, *_, **__: self if self.dtype == torch.float64 else original(self)
    try:
        yield
    finally:
        torch.Tensor.float = original


def orpo(model, sequences: list, objective: dict) -> torch.Tensor:
    probs = log_probs(model, sequences)
    means = torch.stack([p[torch.tensor(s["trained"][1:], dtype=torch.bool)].mean() for p, s in zip(probs, sequences)])
    trainer = types.SimpleNamespace(beta=objective["lambda"], accelerator=types.SimpleNamespace(device="cpu"))
    with in_double():
        losses, chosen, rejected = ORPOTrainer.odds_ratio_loss(trainer, means[0::2], means[1::2])[:3]
    REWARDS.update(accuracy=(chosen > rejected).float().mean().item(), margin=(chosen - rejected).mean().item())
    # As in concatenated_forward: over the prompt and the chosen answer.
    return -torch.cat(probs[0::2]).mean() - losses.mean()


def mismatched(sequences: list) -> list:
    """TRL's `add_kl_completion_ids` of a batch: each prompt with the answer before it."""
    split = [s["trained"].index(1) for s in sequences]
    answers = [s["ids"][at:] for s, at in zip(sequences, split)]
    prompts = [s["ids"][:at] for s, at in zip(sequences, split)]
    shifted = [answers[-1]] + answers[:-1]
    return [{"ids": p + a, "trained": [0] * len(p) + [1] * len(a)} for p, a in zip(prompts, shifted)]


def loss_of(model, base, case: dict, sequences: list) -> torch.Tensor:
    objective = case["objective"]
    REWARDS.clear()
    if objective["type"] == "ORPO":
        return orpo(model, sequences, objective)
    with torch.no_grad():
        reference = answer_sums(base, sequences)
    policy = answer_sums(model, sequences)
    if objective["type"] == "DPO":
        return dpo(policy, reference, objective)
    others = mismatched(sequences)
    with torch.no_grad():
        apart = answer_sums(model, others), answer_sums(base, others)
    return kto(policy, reference, *apart, sequences, objective)


def models(case: dict, dtype):
    """The model with its adapter, and an unchanged base."""
    return build(case, dtype), load_base(case["base"]).to(dtype)


def forward_backward(case: dict, dtype) -> dict:
    model, base = models(case, dtype)
    loss = loss_of(model, base, case, step_sequences(case, 0))
    loss.backward()
    return {"loss": loss.item(), "rewards": dict(REWARDS), "gradients": {name: p.grad.clone() for name, p in trainable(model).items()}}


def train(case: dict, dtype) -> dict:
    model, base = models(case, dtype)
    parameters = trainable(model)
    start = {name: p.detach().clone() for name, p in parameters.items()}
    optimizer = adamw(model, parameters, None, lr=case["learning_rate"], betas=BETAS, eps=1e-5)
    scheduler = warmed_up(optimizer, case["schedule"], STEPS)
    curves = {"losses": [], "learningRates": [], "gradNorms": []}
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(model, base, case, step_sequences(case, step))
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), case["max_grad_norm"], foreach=False)
        curves["learningRates"].append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
        curves["losses"].append(loss.item())
        curves["gradNorms"].append(norm.item())
    return {"update": {name: p.detach() - start[name] for name, p in parameters.items()}, **curves}


def rewards_of(logged: dict) -> dict:
    """Without an accuracy where all rewards are 0 but for rounding, as at the start of an adapter."""
    accuracy, margin = logged["accuracy"], logged["margin"]
    return {"accuracy": None if abs(margin) < 1e-6 else accuracy, "margin": margin}


def write_case(name: str) -> None:
    case = CASES[name]
    exact, field = (forward_backward(case, dtype) for dtype in (torch.float64, torch.float32))
    exact_run, field_run = (train(case, dtype) for dtype in (torch.float64, torch.float32))
    tensors = {f"initial/{n}": p.detach().clone() for n, p in trainable(build(case, torch.float32)).items()}
    tensors |= {f"gradient/{n}": g.float() for n, g in exact["gradients"].items()}
    tensors |= {f"update-1e-5/{n}": u.float() for n, u in exact_run["update"].items()}
    curves = {k: exact_run[k] for k in ("losses", "learningRates", "gradNorms")}
    result = {
        "settings": settings_of(case, written_method(case)),
        "loss": exact["loss"],
        "rewards": rewards_of(exact["rewards"]),
        "field": {"logits": 0, "loss": abs(field["loss"] / exact["loss"] - 1), "gradient": worst(field["gradients"], exact["gradients"])},
        "training": {"1e-5": {**curves, "fieldUpdate": worst(field_run["update"], exact_run["update"])}},
    }
    save_file(tensors, DATA / f"{name}.safetensors")
    (DATA / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    assert exact["rewards"].get("divergence", 1) > 0, "the case would not show the divergence"
    print(name, result["loss"], exact["rewards"], result["field"], result["training"]["1e-5"]["fieldUpdate"])


def write() -> None:
    write_rows()
    for name in CASES:
        write_case(name)
