"""Tokenizers of the three byte-level kinds in use, trained on a page, and what the tokenizers library encodes."""

import json

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
SPECIAL = ["<|im_start|>", "<|im_end|>", "<|im_end|>>"]

PAGE = """
The quick brown fox jumps over the lazy dog; it's what they'll've done, isn't it? 1234567 times, or 12,345.67!
A tokenizer splits a text into words and words into tokens. Training finds pairs that stand together most often.
def main():\n    print("hello, world")\n\treturn {"a": [1, 2, 3]}  # a comment\n
Die Würde des Menschen ist unantastbar. L'été dernier, à Besançon. Привет, как дела? 你好，世界。こんにちは。
""" * 4

TEXTS = [
    "", " ", "a", "The quick brown fox", "it's IT'S they'll've", "1234567 12,345.67", "  two  spaces\n\n\n and lines \t\r\n",
    "Würde L'été e\u0301te\u0301 ﬁ Ǆ", "你好，世界。こんにちは Привет", "👍🏽👩‍👩‍👧 𝔘𝔫𝔦", "\u0000\u0001\ufeff\u200b\u00a0\u2028", "<|im_start|>user\nhi<|im_end|>\n",
    "<|im_end|>>><|im_end|", " <|im_start|> ", "x" * 300, "ab" * 70 + " end", "don't 'S", "\n\n  \n", "a\u0301\u0323", "Training tokenizer unantastbar",
]


def make(pre_tokenizer, normalizer=None, ignore_merges=False):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=[AddedToken(text, special=True, normalized=False) for text in SPECIAL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(PAGE.split("\n"), trainer)
    encodings = [{"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids} for text in TEXTS]
    return {"tokenizer": json.loads(tokenizer.to_str()), "encodings": encodings}


def split(pattern):
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def goldens():
    return {
        "gpt2": make(pre_tokenizers.ByteLevel(add_prefix_space=False)),
        "llama3": make(split(LLAMA3), ignore_merges=True),
        "qwen": make(split(QWEN), normalizer=normalizers.NFC()),
    }
