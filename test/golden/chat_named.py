"""Which of several templates transformers uses, for each place that can hold them. Templates are named by their file in templates/."""

import json
import pathlib
import tempfile

from transformers import PreTrainedTokenizerFast

import chat_cases
import chat_tokenizers

HERE = pathlib.Path(__file__).parent

CASES = {
    "a list in tokenizer_config.json": {"config": [{"name": "default", "template": "smollm2"}, {"name": "tool_use", "template": "qwen2.5"}]},
    "files": {"files": {"chat_template.jinja": "smollm2", "additional_chat_templates/tool_use.jinja": "qwen2.5"}},
    "files beside a list": {"files": {"chat_template.jinja": "phi4"}, "config": [{"name": "default", "template": "smollm2"}, {"name": "tool_use", "template": "qwen2.5"}]},
    "one template": {"config": "smollm2"},
    "tool_use alone": {"config": [{"name": "tool_use", "template": "qwen2.5"}]},
    "another name beside default": {"config": [{"name": "default", "template": "qwen2.5"}, {"name": "rag", "template": "smollm2"}]},
}


def text(name):
    return (HERE / "templates" / f"{name}.jinja").read_text()


def used(tokenizer, tools):
    try:
        chosen = tokenizer.get_chat_template(tools=tools)
    except ValueError:
        return None
    return next(path.stem for path in sorted((HERE / "templates").glob("*.jinja")) if path.read_text() == chosen)


def golden(file, case):
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory)
        (path / "tokenizer.json").write_text(json.dumps(file))
        given = case.get("config")
        filled = text(given) if isinstance(given, str) else given and [{**one, "template": text(one["template"])} for one in given]
        members = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>", **({"chat_template": filled} if filled else {})}
        (path / "tokenizer_config.json").write_text(json.dumps(members))
        for name, template in case.get("files", {}).items():
            (path / name).parent.mkdir(exist_ok=True)
            (path / name).write_text(text(template))
        tokenizer = PreTrainedTokenizerFast.from_pretrained(path)
    return {**case, "plain": used(tokenizer, None), "tools": used(tokenizer, [chat_cases.WEATHER])}


def goldens():
    file = chat_tokenizers.make(chat_tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False))["tokenizer"]
    return [{"name": name, **golden(file, case)} for name, case in CASES.items()]
