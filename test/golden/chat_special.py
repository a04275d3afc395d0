"""The special tokens of transformers, and the tokens it adds around a text, for every file that can declare them."""

import json
import pathlib
import tempfile

from transformers import PreTrainedTokenizerFast

import chat_tokenizers

BEGIN, END, OTHER = chat_tokenizers.SPECIAL
TEXTS = ["The quick brown fox", "", f"done{END}", f"{BEGIN}user", "in a <|new|> line"]


def template(*around):
    def part(name):
        return {"Sequence": {"id": "A", "type_id": 0}} if name == "$A" else {"SpecialToken": {"id": name, "type_id": 0}}

    ids = {BEGIN: 0, END: 1}
    tokens = {name: {"id": name, "ids": [ids[name]], "tokens": [name]} for name in around if name != "$A"}
    return {"type": "TemplateProcessing", "single": [part(name) for name in around], "pair": [], "special_tokens": tokens}


def token(content):
    return {"content": content, "lstrip": False, "rstrip": False, "normalized": False, "single_word": False, "special": True}


def cases(new_id):
    named = {"bos_token": BEGIN, "eos_token": END}
    return {
        "nothing around": {"config": named},
        "BOS by the post-processor": {"config": named, "post_processor": template(BEGIN, "$A")},
        "BOS by the post-processor, add_bos_token false": {"config": {**named, "add_bos_token": False}, "post_processor": template(BEGIN, "$A")},
        "add_bos_token without a post-processor": {"config": {**named, "add_bos_token": True, "add_eos_token": True}},
        "BOS and EOS by the post-processor": {"config": named, "post_processor": template(BEGIN, "$A", END)},
        "EOS by the post-processor": {"config": {**named, "add_eos_token": False}, "post_processor": template("$A", END)},
        "eos_token in special_tokens_map.json": {"config": {}, "map": {"eos_token": END}},
        "the same as an object": {"config": {}, "map": {"eos_token": {k: v for k, v in token(END).items() if k != "special"}}},
        "in both, different": {"config": named, "map": {"eos_token": OTHER}},
        "in both, different, added_tokens_decoder": {"config": {**named, "added_tokens_decoder": {"0": token(BEGIN), "1": token(END)}}, "map": {"eos_token": OTHER}},
        "special tokens of the vocabulary": {"config": {**named, "unk_token": "in", "additional_special_tokens": ["qu"]}},
        "a token in added_tokens_decoder alone": {"config": {**named, "added_tokens_decoder": {"0": token(BEGIN), "1": token(END), str(new_id): token("<|new|>")}}},
        "tokens in added_tokens.json alone": {"config": {**named, "pad_token": "<|pad|>"}, "added": {"<|pad|>": new_id + 1, "<|new|>": new_id}},
        "added_tokens.json beside added_tokens_decoder": {"config": {**named, "added_tokens_decoder": {"0": token(BEGIN), "1": token(END)}}, "added": {"<|new|>": new_id}},
    }


def golden(file, case):
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory)
        (path / "tokenizer.json").write_text(json.dumps({**file, "post_processor": case.get("post_processor")}))
        (path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **case["config"]}))
        if "map" in case:
            (path / "special_tokens_map.json").write_text(json.dumps(case["map"]))
        if "added" in case:
            (path / "added_tokens.json").write_text(json.dumps(case["added"]))
        tokenizer = PreTrainedTokenizerFast.from_pretrained(path)
    texts = [
        {"text": text, "ids": tokenizer(text).input_ids, "inner": tokenizer(text, add_special_tokens=False).input_ids}
        for text in TEXTS
    ]
    return {**case, "eosId": tokenizer.eos_token_id, "texts": texts}


def goldens():
    file = chat_tokenizers.make(chat_tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False))["tokenizer"]
    new_id = len(file["model"]["vocab"])
    return {"tokenizer": file, "cases": [{"name": name, **golden(file, case)} for name, case in cases(new_id).items()]}
