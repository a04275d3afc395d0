"""One training by the reference libraries (transformers, PEFT, torch.optim.AdamW), and its results for the golden.

Each quantity is computed in F64, which is the golden, and in F32. Only the distance of F32 to F64 is recorded: the
error of the libraries' own single precision.
"""

import types

import torch
from peft.optimizers import create_loraplus_optimizer
from transformers import (
    get_constant_schedule_with_warmup,
    get_cosine_schedule_with_warmup,
    get_cosine_with_min_lr_schedule_with_warmup,
    get_inverse_sqrt_schedule,
    get_linear_schedule_with_warmup,
    get_polynomial_decay_schedule_with_warmup,
    get_wsd_schedule,
)

from tiny_llama import logits_of, loss_of, read_rows, step_rows

STEPS = 20
WEIGHT_DECAY = 0.01
WARMUP_STEPS = 4
BETAS = (0.9, 0.999)
SCHEDULES = {"Linear": get_linear_schedule_with_warmup, "Cosine": get_cosine_schedule_with_warmup}


def trainable(model) -> dict:
    """Trainable parameters by the name a checkpoint gives them."""
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    return {saved_name(name): p for name, p in named.items()}


def saved_name(name: str) -> str:
    """PEFT omits the adapter's own name, the wrapper of a saved module, and the `.weight` of a vector's module."""
    name = name.replace(".modules_to_save.default", "").replace(".default", "").replace("lora_magnitude_vector.weight", "lora_magnitude_vector")
    return name.replace("prompt_encoder.embedding.weight", "prompt_embeddings")


def forward_backward(model, smoothing: float = 0) -> dict:
    """Logits, loss and gradients of step 0, before any update."""
    rows = step_rows(read_rows(), 0)
    model.zero_grad()
    loss = loss_of(model, rows, smoothing)
    (loss + penalty_of(model)).backward()
    gradients = {name: p.grad.clone() for name, p in trainable(model).items()}
    model.zero_grad()
    with torch.no_grad():
        logits = torch.cat([piece for row in rows for piece in logits_of(model, row)])
    return {"logits": logits, "loss": loss.item(), "gradients": gradients}


def train(model, *, learning_rate: float, schedule: str, epsilon: float, max_grad_norm: float, steps: int = STEPS, ratio=None, smoothing: float = 0) -> dict:
    """`steps` optimiser steps. Decays only matrices. Returns the update of each parameter and the curves."""
    rows = read_rows()
    parameters = trainable(model)
    start = {name: p.detach().clone() for name, p in parameters.items()}
    optimizer = adamw(model, parameters, ratio, lr=learning_rate, betas=BETAS, eps=epsilon)
    scheduler = warmed_up(optimizer, schedule, steps)
    curves = {"losses": [], "learningRates": [], "gradNorms": []}
    for step in range(steps):
        optimizer.zero_grad()
        loss = loss_of(model, step_rows(rows, step), smoothing)
        (loss + penalty_of(model)).backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), max_grad_norm, foreach=False)
        curves["learningRates"].append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if is_adalora(model):
            model.base_model.update_and_allocate(step + 1)  # the number of finished steps
        scheduler.step()
        curves["losses"].append(loss.item())
        curves["gradNorms"].append(norm.item())
    return {"update": {name: p.detach() - start[name] for name, p in parameters.items()}, **curves}


def adamw(model, parameters: dict, ratio, **options):
    """AdamW with decay only on matrices; with a ratio, PEFT's LoRA+."""
    if ratio is not None:
        more = {"loraplus_lr_ratio": ratio, "loraplus_weight_decay": WEIGHT_DECAY}
        return create_loraplus_optimizer(model, torch.optim.AdamW, foreach=False, **more, **options)
    decays = lambda name, p: p.dim() > 1 and not name.endswith("ia3_l")  # a vector that PEFT keeps as a matrix
    groups = [
        {"params": [p for name, p in parameters.items() if decays(name, p)], "weight_decay": WEIGHT_DECAY},
        {"params": [p for name, p in parameters.items() if not decays(name, p)], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, foreach=False, **options)


def is_adalora(model) -> bool:
    return type(getattr(model, "base_model", None)).__name__ == "AdaLoraModel"


def penalty_of(model):
    """AdaLoRA's penalty in PEFT: its own forward pass around a model whose loss is 0."""
    if not is_adalora(model):
        return 0.0
    tuner, dtype = model.base_model, next(iter(trainable(model).values())).dtype
    inner = tuner.model.forward
    tuner.model.forward = lambda *_, **__: types.SimpleNamespace(loss=torch.zeros((), dtype=dtype))
    try:
        return tuner.forward().loss
    finally:
        tuner.model.forward = inner


def warmed_up(optimizer, schedule: str, steps: int):
    """transformers' schedule, except that the warm-up starts at its first rate above 0, so that no step is wasted."""
    after = SCHEDULES[schedule](optimizer, WARMUP_STEPS, steps).lr_lambdas[0]
    rate = lambda step: (step + 1) / WARMUP_STEPS if step < WARMUP_STEPS else after(step)
    return torch.optim.lr_scheduler.LambdaLR(optimizer, rate)


def schedules() -> list:
    """Learning rates of 20 steps with peak 1 from transformers' schedules, with and without warm-up."""
    decays = {"Linear": "linear", "Cosine": "cosine", "OneMinusSquareRoot": "1-sqrt"}
    stable = lambda decay, steps, minimum: lambda optimizer, warmup: get_wsd_schedule(
        optimizer, warmup, steps, num_training_steps=STEPS, decay_type=decays[decay], min_lr_ratio=minimum
    )
    cases = [
        *(({"type": name}, lambda optimizer, warmup, make=make: make(optimizer, warmup, STEPS)) for name, make in SCHEDULES.items()),
        ({"type": "Constant"}, get_constant_schedule_with_warmup),
        (
            {"type": "Cosine", "minimumRatio": 0.1},
            lambda optimizer, warmup: get_cosine_with_min_lr_schedule_with_warmup(optimizer, warmup, STEPS, min_lr_rate=0.1),
        ),
        ({"type": "InverseSquareRoot"}, get_inverse_sqrt_schedule),
        ({"type": "InverseSquareRoot", "timescale": 3}, lambda optimizer, warmup: get_inverse_sqrt_schedule(optimizer, warmup, 3)),
        *(
            (
                {"type": "Polynomial", "power": power, "minimumRatio": minimum},
                lambda optimizer, warmup, power=power, minimum=minimum: get_polynomial_decay_schedule_with_warmup(
                    optimizer, warmup, STEPS, lr_end=minimum, power=power
                ),
            )
            for power, minimum in ((2.0, 0.0), (0.5, 0.1))
        ),
        *(
            ({"type": "WarmupStableDecay", "decayType": decay, "decaySteps": steps, "minimumRatio": minimum}, stable(decay, steps, minimum))
            for decay in decays
            for steps, minimum in ((8, 0.0), (10, 0.2))
        ),
    ]
    return [{**settings, "warmupSteps": warmup, "rates": rates_of(make, warmup)} for settings, make in cases for warmup in (0, 5)]


def rates_of(make, warmup: int) -> list:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimizer, warmup)
    rates = []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def distance(a: torch.Tensor, b: torch.Tensor) -> float:
    """‖a − b‖ / ‖b‖; ‖a‖ where b is zero."""
    a, b = a.double(), b.double()
    scale = b.norm().item()
    return (a - b).norm().item() / scale if scale > 0 else a.norm().item()


def worst(a: dict, b: dict) -> float:
    return max(distance(a[name], b[name]) for name in b)
