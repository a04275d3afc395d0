"""Makes data/real/conversations.jsonl.gz: 300 conversations from packages with permissive licences and from this repository.

193 from LlamaFactory's examples of glaive-function-calling-v2 (Apache-2.0; ShareGPT with tools, English and Chinese), 47
dialogues of chatterbot-corpus (BSD) in sixteen languages, 40 of the demo's e-mails (CC0), 20 about this repository's sources.
"""

import gzip
import hashlib
import json
import pathlib

import yaml

REPOSITORY = pathlib.Path(__file__).parents[2]
LANGUAGES = ["bangla", "chinese", "english", "french", "german", "hebrew", "hindi", "indonesia", "italian", "odia"]
LANGUAGES += ["portuguese", "russian", "spanish", "swedish", "tchinese", "thai"]


def tool_calls(folder, language, count):
    """The first rows below 6,000 characters, in OpenAI's form."""
    rows = json.loads((folder / f"glaive_toolcall_{language}_demo.json").read_text())
    return [openai(row) for row in rows if len(json.dumps(row)) < 6000][:count]


def openai(row):
    messages = []
    for turn in row["conversations"]:
        value = turn["value"]
        if turn["from"] == "function_call":
            calls = json.loads(value)
            calls = calls if isinstance(calls, list) else [calls]
            made = [{"id": f"call{len(messages):05}", "type": "function", "function": call} for call in calls]
            messages.append({"role": "assistant", "content": "", "tool_calls": made})
        elif turn["from"] == "observation":
            messages.append({"role": "tool", "content": value, "tool_call_id": f"call{len(messages) - 1:05}"})
        else:
            messages.append({"role": "user" if turn["from"] == "human" else "assistant", "content": value})
    tools = json.loads(row["tools"] or "[]")
    wrapped = [tool if "function" in tool else {"type": "function", "function": tool} for tool in tools]
    return {"messages": messages, **({"tools": wrapped} if wrapped else {})}


def dialogues(folder):
    """Per language, lines of its conversations as turns; every second has a system message."""
    made = []
    for at, language in enumerate(LANGUAGES):
        files = sorted((folder / language).glob("*.yml"))
        spoken = [turn for file in files for turn in yaml.safe_load(file.read_text())["conversations"]]
        pairs = [[str(said) for said in turn[:2]] for turn in spoken if len(turn) >= 2 and all(turn[:2])]
        for start in range(3):
            turns = pairs[start * 4 : start * 4 + 1 + (at + start) % 4]
            messages = [{"role": "system", "content": f"Answer in the language of the question ({language})."}] if (at + start) % 2 else []
            for question, reply in turns:
                messages += [{"role": "user", "content": question}, {"role": "assistant", "content": reply}]
            made.append({"messages": messages})
    return [one for one in made if len(one["messages"]) > 1]


def emails(count):
    lines = (REPOSITORY / "demo/data/test.jsonl").read_text().splitlines()
    return [{"messages": json.loads(line)["messages"]} for line in lines[:count]]


SOURCES = ["trainer/ops/linear/op.ts", "trainer/ops/linear/cpu.h", "test/golden/nf4.py", "charts/luthier/values.yaml", "docs/engine.md", "trainer/data/template/jinja.ts"]


def code(count):
    """Excerpts of sources, as questions and as answers, with indentation, tabs and line feeds."""
    files = [REPOSITORY / name for name in SOURCES if (REPOSITORY / name).exists()]
    made = []
    for at in range(count):
        lines = files[at % len(files)].read_text().splitlines()
        start = 17 * (at // len(files))
        shown, rest = "\n".join(lines[start : start + 12]), "\n".join(lines[start + 12 : start + 24])
        fence = f"```\n{shown}\n```"
        made.append({"messages": [
            {"role": "system", "content": "You continue source files.\n\nRules:\n\t1. Keep the indentation.\n\t2. No comments."},
            {"role": "user", "content": f"Continue:\n{fence}"},
            {"role": "assistant", "content": f"```\n{rest}\n```"},
            {"role": "user", "content": "  And without the fence?  "},
            {"role": "assistant", "content": rest},
        ]})
    return made


def conversations(llamafactory, chatterbot):
    rows = tool_calls(llamafactory, "en", 120) + tool_calls(llamafactory, "zh", 73) + emails(40) + code(20)
    rows += dialogues(chatterbot)[: 300 - len(rows)]
    assert len(rows) == 300, len(rows)
    return rows


def write(rows, path):
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(path.name, path.stat().st_size, hashlib.sha256(text.encode()).hexdigest()[:16])
