"""The training of real/training.ts by transformers and PEFT in F32: one JSON line of figures.

  python peft_training.py DIRECTORY THREADS

DIRECTORY has training.json (the steps with their tokens, learning rates and settings; the prompts with our answers), initial and
final: our adapter before and after the training, which PEFT loads.
"""

import json
import pathlib
import sys
import time

import torch
import transformers
from peft import PeftModel
from transformers import AutoModelForCausalLM


def logits_of(model, ids: list) -> torch.Tensor:
    return model(input_ids=torch.tensor([ids])).logits[0]


def loss_of(model, sequences: list) -> torch.Tensor:
    """Mean over the trained tokens of the whole step; each sequence alone and without padding."""
    total, count = 0.0, 0
    for sequence in sequences:
        mask = torch.tensor(sequence["trained"][1:], dtype=torch.bool)
        targets = torch.tensor(sequence["ids"][1:])
        nll = torch.nn.functional.cross_entropy(logits_of(model, sequence["ids"])[:-1], targets, reduction="none")
        total = total + nll[mask].sum()
        count += int(mask.sum())
    return total / count


def gaps(model, answers: list) -> list:
    """For each answer, how far the logit of one of its tokens is below the highest: 0 where it is PEFT's greedy answer."""
    made = []
    with torch.no_grad():
        for prompt, answer in answers:
            logits = logits_of(model, prompt + answer)[len(prompt) - 1 : -1]
            chosen = logits.gather(1, torch.tensor(answer)[:, None])[:, 0]
            made.append((logits.max(dim=1).values - chosen).max().item())
    return made


def clip(parameters: list, maximum: float) -> float:
    """The norm in double precision, since PyTorch's own is off by more than the rest of a step."""
    norm = sum(p.grad.double().pow(2).sum() for p in parameters).sqrt().item()
    if norm > maximum:
        for p in parameters:
            p.grad.mul_(maximum / norm)
    return norm


def main(directory: str, threads: str) -> None:
    torch.set_num_threads(int(threads))
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    place = pathlib.Path(directory)
    given = json.loads((place / "training.json").read_text())
    base = AutoModelForCausalLM.from_pretrained(given["model"], dtype=torch.float32)
    model = PeftModel.from_pretrained(base, place / "initial", is_trainable=True)
    made = {"gapsBefore": gaps(model.eval(), given["answersBefore"]), "losses": [], "gradNorms": []}
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    start = {name: p.detach().clone() for name, p in named.items()}
    settings = given["optimizer"]
    optimizer = torch.optim.AdamW(
        named.values(), betas=settings["betas"], eps=settings["epsilon"], weight_decay=settings["weightDecay"], foreach=False
    )
    model.train()
    began = time.perf_counter()
    for step in given["steps"]:
        optimizer.param_groups[0]["lr"] = step["learningRate"]
        optimizer.zero_grad()
        loss = loss_of(model, step["sequences"])
        loss.backward()
        made["gradNorms"].append(clip(list(named.values()), settings["maxGradNorm"]))
        optimizer.step()
        made["losses"].append(loss.item())
    made["seconds"] = time.perf_counter() - began
    made["gapsAfter"] = gaps(model.eval(), given["answersAfter"])
    update = {name: p.detach() - start[name] for name, p in named.items()}
    # The names are the same in both, so PEFT must find a value for each.
    ours = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(given["model"], dtype=torch.float32), place / "final", is_trainable=True)
    final = dict(ours.named_parameters())
    square = lambda values: sum(value.double().pow(2).sum().item() for value in values)
    away = square(final[name].detach() - start[name] - update[name] for name in named)
    made["updateDistance"] = (away / square(update.values())) ** 0.5
    print(json.dumps({**made, "versions": versions()}))


def versions() -> dict:
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "transformers", "peft")}


if __name__ == "__main__":
    main(*sys.argv[1:])
