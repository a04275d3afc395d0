"""Trains the base model's tokenizer: python demo/base/tokenizer.py CORPUS_DIRECTORY MODEL_DIRECTORY

Byte-level BPE with 4,096 entries: three special tokens, the 256 bytes and 3,837 merges, from text.jsonl and chat.jsonl
of CORPUS_DIRECTORY. Writes tokenizer.json and tokenizer_config.json in Hugging Face's layout. The same corpus gives the
same file: one thread, no random numbers.
"""
import json
import os
import sys
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402

VOCABULARY = 4096
START, END, PAD = "<|im_start|>", "<|im_end|>", "<|pad|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def texts(corpus: Path):
    for name in ("text.jsonl", "chat.jsonl"):
        with open(corpus / name, encoding="utf-8") as lines:
            for line in lines:
                document = json.loads(line)
                if "text" in document:
                    yield document["text"]
                else:
                    yield from (text for message in document["messages"] for text in (message["role"], message["content"]))


def train(corpus: Path) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in (START, END, PAD)],
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(corpus), trainer)
    assert tokenizer.get_vocab_size() == VOCABULARY
    return tokenizer


def main() -> None:
    corpus, model = Path(sys.argv[1]), Path(sys.argv[2])
    model.mkdir(parents=True, exist_ok=True)
    train(corpus).save(str(model / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": None,
        "eos_token": END,
        "pad_token": PAD,
        "add_bos_token": False,
        "add_eos_token": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1024,
        "chat_template": CHAT_TEMPLATE,
    }
    (model / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


main()
