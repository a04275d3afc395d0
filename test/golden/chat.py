"""Writes data/chat/: renderings by transformers, masks by prefix difference, encodings by tokenizers. See README.md.

    python3 -m venv .luthier/golden-chat && .luthier/golden-chat/bin/pip install -r test/golden/chat_requirements.txt
    .luthier/golden-chat/bin/python test/golden/chat.py
"""

import datetime
import json
import pathlib

from transformers.utils import chat_template_utils

import chat_cases
import chat_named
import chat_special
import chat_tokenizers

HERE = pathlib.Path(__file__).parent
OUT = HERE / "data" / "chat"


class StandingTime(datetime.datetime):
    """The fixed date that templates see (trainer/data/template/chatTemplate.ts)."""

    @classmethod
    def now(cls):
        return cls(2024, 7, 26)


chat_template_utils.datetime = StandingTime


def render(template, special, conversation, messages, generation_prompt):
    rendered, _ = chat_template_utils.render_jinja_template(
        conversations=[messages],
        tools=conversation.get("tools"),
        chat_template=template,
        add_generation_prompt=generation_prompt,
        **special,
    )
    return rendered[0]


def answers(template, family, conversation):
    """The mask, by an independent definition: the text that a turn adds to its prompt, through its end marker."""
    messages = conversation["messages"]
    found = []
    for index, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        prompt = render(template, family["special"], conversation, messages[:index], True)
        turn = render(template, family["special"], conversation, messages[: index + 1], False)
        assert turn.startswith(prompt), (conversation["name"], index)
        text = turn[len(prompt) :]
        end = text.rindex(family["end"]) + len(family["end"])
        found.append({"index": index, "prompt": prompt, "answer": text[:end]})
    return found


def case(template, family, conversation):
    try:
        whole = render(template, family["special"], conversation, conversation["messages"], False)
        found = answers(template, family, conversation)
    except Exception as error:  # the template's own error: raise_exception, or a message without a required field
        return {"conversation": conversation["name"], "refused": type(error).__name__}
    return {"conversation": conversation["name"], "whole": whole, "answers": found}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    write("conversations.json", chat_cases.CONVERSATIONS)
    for name, family in chat_cases.FAMILIES.items():
        template = (HERE / "templates" / f"{name}.jinja").read_text()
        cases = [case(template, family, conversation) for conversation in chat_cases.CONVERSATIONS]
        write(f"{name}.json", {**family, "cases": cases})
    for name, content in chat_tokenizers.goldens().items():
        write(f"tokenizer-{name}.json", content)
    write("special-tokens.json", chat_special.goldens())
    write("named-templates.json", chat_named.goldens())


def write(name, content):
    (OUT / name).write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
