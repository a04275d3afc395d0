"""Trains tokenizers of the usual kinds on one page, and records the tokenizers library's encodings."""

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
    "², ٣४ 12ab34 Ⅷ ½", "<|im_start|> The<|im_end|>The <|im_start|>", "▁The ▁ ▁▁", "<0x41> <unk>", "!!a..b?! (c)",
    "a \ufeffb\ufeff  \u0085c\u001c d", "\ufeff", "x\u2028\u2029 \u3000y",
]


def trained(pre_tokenizer, normalizer=None, bytes_too=False, **settings):
    """A tokenizer with 600 tokens; with `bytes_too`, also one token per byte."""
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)] if bytes_too else []
    tokenizer = Tokenizer(models.BPE(byte_fallback=bytes_too, **settings))
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=600 + len(byte_tokens),
        special_tokens=[AddedToken(text, special=True, normalized=False) for text in SPECIAL + byte_tokens],
        initial_alphabet=[] if bytes_too else pre_tokenizers.ByteLevel.alphabet(),
        limit_alphabet=60 if bytes_too else 1000,
        show_progress=False,
    )
    tokenizer.train_from_iterator(PAGE.split("\n"), trainer)
    return tokenizer


def changed(tokenizer, **parts):
    """The same tokenizer with other parts; byte tokens are plain tokens, as in the models' own files."""
    file = {**json.loads(tokenizer.to_str()), **parts}
    file["added_tokens"] = [token for token in file["added_tokens"] if not token["content"].startswith("<0x")]
    return file


def golden(file):
    tokenizer = Tokenizer.from_str(json.dumps(file))
    # transformers does this before each call.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    encoded = [(text, tokenizer.encode(text, add_special_tokens=False).ids) for text in TEXTS]
    return [{"text": text, "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False)} for text, ids in encoded]


def make(pre_tokenizer, normalizer=None, ignore_merges=False):
    tokenizer = trained(pre_tokenizer, normalizer, ignore_merges=ignore_merges)
    tokenizer.decoder = decoders.ByteLevel()
    file = json.loads(tokenizer.to_str())
    return {"tokenizer": file, "encodings": golden(file)}


def split(pattern):
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


SPACE = {"String": " "}
FILL = {"type": "Replace", "pattern": SPACE, "content": "▁"}
PREPEND = {"type": "Prepend", "prepend": "▁"}
SHOW = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
BYTES = [SHOW, {"type": "ByteFallback"}, {"type": "Fuse"}]
STRIP = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
METASPACE = {"type": "Metaspace", "replacement": "▁"}


def sequence(kind, *parts):
    return {"type": "Sequence", kind: list(parts)}


def variants(tokenizer, parts):
    """One tokenizer, with each of these parts replaced."""
    file = changed(tokenizer)
    return {
        "tokenizer": file,
        "variants": [{"name": name, "parts": part, "encodings": golden({**file, **part})} for name, part in parts.items()],
    }


def byte_fallback():
    """Tokenizers like those of Llama 2 and Mistral, of Gemma, and with Metaspace."""
    tokenizer = trained(pre_tokenizers.Metaspace(), bytes_too=True, unk_token=SPECIAL[0], fuse_unk=True)
    plain = {"normalizer": sequence("normalizers", FILL), "pre_tokenizer": None, "decoder": sequence("decoders", *BYTES)}
    stripped = {**plain, "decoder": sequence("decoders", *BYTES, STRIP)}
    return variants(
        tokenizer,
        {
            "Llama 2 and Mistral": {**stripped, "normalizer": sequence("normalizers", PREPEND, FILL)},
            "Gemma": {**plain, "normalizer": FILL, "pre_tokenizer": {"type": "Split", "pattern": SPACE, "behavior": "MergedWithPrevious", "invert": False}},
            "Metaspace, first": {**stripped, "normalizer": None, "pre_tokenizer": {**METASPACE, "prepend_scheme": "first", "split": False}},
            "Metaspace, always, split": {**stripped, "normalizer": None, "pre_tokenizer": {**METASPACE, "prepend_scheme": "always", "split": True}},
            "Metaspace, never, split": {**plain, "normalizer": None, "pre_tokenizer": {**METASPACE, "prepend_scheme": "never", "split": True}},
        },
    )


def splits():
    """Every behaviour of Split, and the other supported stages."""
    tokenizer = trained(pre_tokenizers.ByteLevel(add_prefix_space=False))
    tokenizer.decoder = decoders.ByteLevel()
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    stages = {
        f"Split, {behavior}{', inverted' if invert else ''}": {"type": "Split", "pattern": {"Regex": r"[aeiou]|\s"}, "behavior": behavior, "invert": invert}
        for behavior in ["Isolated", "Removed", "Contiguous", "MergedWithPrevious", "MergedWithNext"]
        for invert in [False, True]
    }
    stages["Split at a text"] = {"type": "Split", "pattern": {"String": "."}, "behavior": "Isolated", "invert": False}
    stages["Digits, one by one"] = {"type": "Digits", "individual_digits": True}
    stages["Digits together"] = {"type": "Digits", "individual_digits": False}
    stages["Punctuation together"] = {"type": "Punctuation", "behavior": "Contiguous"}
    return variants(
        tokenizer,
        {name: {"pre_tokenizer": sequence("pretokenizers", stage, level)} for name, stage in stages.items()},
    )


def plain_token(id, content, **settings):
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": id, "content": content, **flags, **settings}


def pieces(prefix="", start="", end=""):
    """An untrained vocabulary: words of the page and all characters, in a fixed order."""
    words = sorted({word for word in PAGE.lower().split() if len(word) > 2})
    letters = sorted(set(PAGE) | set(PAGE.lower()))
    halves = [word[: len(word) // 2] for word in words] + [prefix + word[len(word) // 2 :] for word in words]
    found = [start + word + end for word in words] + halves + letters + [prefix + letter for letter in letters] + [letter + end for letter in letters]
    return list(dict.fromkeys([*SPECIAL[:2], "<unk>", *(piece for piece in found if piece.strip())]))


def whole(model, **parts):
    added = [plain_token(id, content) for id, content in enumerate([*SPECIAL[:2], "<unk>"])]
    file = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None}
    return {**file, "pre_tokenizer": None, "post_processor": None, "decoder": None, "model": model, **parts}


def unigram(**settings):
    vocab = [[piece, -1.0 - 0.5 / len(piece)] for piece in pieces(start="▁")]
    bytes_too = [[f"<0x{byte:02X}>", -20.0] for byte in range(256)] if settings.get("byte_fallback") else []
    return {"type": "Unigram", "unk_id": 2, "vocab": vocab + bytes_too, "byte_fallback": False, **settings}


def ids_of(words):
    return {word: id for id, word in enumerate(words)}


def kinds():
    """Whole files with models, normalizers and added tokens of every kind."""
    clean = sequence("normalizers", {"type": "NFKC"}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}, {"type": "Strip", "strip_left": True, "strip_right": True})
    space = {**METASPACE, "prepend_scheme": "always", "split": True}
    bert = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
    byte_level = json.loads(trained(pre_tokenizers.ByteLevel(add_prefix_space=False)).to_str())
    level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    show = {"decoder": level}
    suffix = {"type": "BPE", "vocab": ids_of(pieces(end="</w>")), "merges": [["t", "h"], ["th", "e</w>"]], "unk_token": "<unk>", "end_of_word_suffix": "</w>", "fuse_unk": True}
    suffix["vocab"] = {**suffix["vocab"], **{word: len(suffix["vocab"]) + at for at, word in enumerate(w for w in ["th", "the</w>"] if w not in suffix["vocab"])}}
    marks = [plain_token(0, SPECIAL[0], lstrip=True), plain_token(1, SPECIAL[1], rstrip=True), plain_token(3, "fox", special=False, normalized=True, single_word=True)]
    files = {
        "Unigram": whole(unigram(), normalizer=clean, pre_tokenizer=space, decoder=space),
        "Unigram, byte fallback": whole(unigram(byte_fallback=True), pre_tokenizer=space, decoder=sequence("decoders", *BYTES, STRIP)),
        "WordPiece": whole(
            {"type": "WordPiece", "unk_token": "<unk>", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": ids_of(pieces(prefix="##"))},
            normalizer=bert, pre_tokenizer={"type": "BertPreTokenizer"}, decoder={"type": "WordPiece", "prefix": "##", "cleanup": True},
        ),
        "WordLevel": whole({"type": "WordLevel", "vocab": ids_of(pieces()), "unk_token": "<unk>"}, pre_tokenizer={"type": "Whitespace"}),
        "BPE, end of word": whole(suffix, normalizer=sequence("normalizers", {"type": "NFC"}, {"type": "Lowercase"}), pre_tokenizer={"type": "WhitespaceSplit"}, decoder={"type": "BPEDecoder", "suffix": "</w>"}),
        "byte level, a space before each text": {**byte_level, "pre_tokenizer": level, **show},
        "added tokens that take spaces, whole words": {**byte_level, "added_tokens": marks, **show},
        "truncation and padding": {
            **byte_level, **show,
            "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
            "padding": {"strategy": {"Fixed": 16}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": SPECIAL[0]},
        },
    }
    return [{"name": name, "tokenizer": file, "encodings": golden(file)} for name, file in files.items()]


def goldens():
    return {
        "kinds": kinds(),
        "gpt2": make(pre_tokenizers.ByteLevel(add_prefix_space=False)),
        "llama3": make(split(LLAMA3), ignore_merges=True),
        "qwen": make(split(QWEN), normalizer=normalizers.NFC()),
        "bytefallback": byte_fallback(),
        "splits": splits(),
    }
