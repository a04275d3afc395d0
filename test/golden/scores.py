"""Scores of answers beside their references, by Google's rouge-score (ROUGE-L without a stemmer) and by torchmetrics' SQuAD (F1 of one
pair). All texts are ASCII, on which the definitions of words agree (trainer/generation/scores.ts).

  `data/scores.json`   `answer`, `reference`, `rougeL`, `f1` of each pair
"""

import json
import random

from rouge_score import rouge_scorer
from torchmetrics.functional.text.squad import _compute_f1_score

from tiny_llama import DATA

WORDS = "a an the cat cats sat on mat The MAT, it's its 3.5 3 5 U.S. us e-mail email - ... (yes) yes no No! theatre".split()

WRITTEN = [
    ("", ""),
    ("", "yes"),
    ("the", ""),
    ("The!", "a"),
    ("yes", "Yes."),
    ("ham", "spam"),
    ("the cat the cat", "the cat"),
    ("police killed the gunman", "the gunman police killed"),
    ("a\tb\n c", "b a c"),
    ("under_score", "under score"),
]


def pairs():
    yield from WRITTEN
    generator = random.Random(7)
    sentence = lambda: " ".join(generator.choices(WORDS, k=generator.randint(0, 14)))
    for _ in range(90):
        yield sentence(), sentence()


def write() -> None:
    scorer = rouge_scorer.RougeScorer(["rougeL"])
    scores = [
        {
            "answer": answer,
            "reference": reference,
            "rougeL": scorer.score(reference, answer)["rougeL"].fmeasure,
            "f1": float(_compute_f1_score(answer, reference)),
        }
        for answer, reference in pairs()
    ]
    (DATA / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")


if __name__ == "__main__":
    write()
