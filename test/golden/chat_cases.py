"""The families of the templates in templates/, and conversations whose identical rendering is difficult."""

MISTRAL = {
    "special": {"bos_token": "<s>", "eos_token": "</s>"},
    "end": "</s>",
    "tokens": ["<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_CALLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]"],
}

FAMILIES = {
    "chatml": {"special": {"eos_token": "<|im_end|>"}, "end": "<|im_end|>", "tokens": ["<|im_start|>", "<|im_end|>"]},
    "llama3": {
        "special": {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"},
        "end": "<|eot_id|>",
        "tokens": ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
    },
    "qwen2.5": {"special": {"eos_token": "<|im_end|>"}, "end": "<|im_end|>", "tokens": ["<|im_start|>", "<|im_end|>"]},
    "qwen3": {"special": {"eos_token": "<|im_end|>"}, "end": "<|im_end|>", "tokens": ["<|im_start|>", "<|im_end|>"]},
    "mistral-nemo": MISTRAL,
    "mistral-v3": MISTRAL,
    "gemma": {
        "special": {"bos_token": "<bos>", "eos_token": "<eos>"},
        "end": "<end_of_turn>",
        "tokens": ["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"],
    },
}


def user(content):
    return {"role": "user", "content": content}


def answer(content, **more):
    return {"role": "assistant", "content": content, **more}


def system(content):
    return {"role": "system", "content": content}


def call(id, name, arguments):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(id, content):
    return {"role": "tool", "tool_call_id": id, "content": content}


WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather at a place; \"now\" <b>& here</b> or 'later' – in °C.",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
            "required": ["place"],
        },
    },
}
CLOCK = {"type": "function", "function": {"name": "clock", "description": "", "parameters": {"type": "object", "properties": {}}}}
HARD = {"place": "Zürich \"Höngg\"\n", "days": 2, "share": 0.25, "deep": {"list": [1, None, True, {"x": []}], "empty": {}}, "html": "<a href='x'>&</a>"}

CONVERSATIONS = [
    {"name": "one turn", "messages": [user("Hello?"), answer("Yes.")]},
    {"name": "system", "messages": [system("Be brief."), user("Hello?"), answer("Yes.")]},
    {"name": "three turns", "messages": [user("1?"), answer("one"), user("2?"), answer("two"), user("3?"), answer("three")]},
    {
        "name": "system and three turns",
        "messages": [system("Count."), user("1?"), answer("one"), user("2?"), answer("two"), user("3?"), answer("three")],
    },
    {"name": "ends with a question", "messages": [user("1?"), answer("one"), user("2?")]},
    {"name": "no answer", "messages": [user("1?")]},
    {"name": "white space", "messages": [user("  a\n\n"), answer("\n b \t"), user("c\r\n"), answer("d  ")]},
    {"name": "other scripts", "messages": [user("日本語?"), answer("はい 👍🏽 é é"), user("ﬁ\u200b"), answer("Ω\u00a0𝔘")]},
    {"name": "braces", "messages": [user("{{ messages }} {% raw %}"), answer("{# no #} \\n </s> [INST]")]},
    {"name": "marks in a text", "messages": [user("say <think>"), answer("<think>\nhm\n</think>\n\nwell"), user("and?"), answer("so")]},
    {"name": "same question twice", "messages": [system("s"), user("again"), answer("a"), user("again"), answer("b")]},
    {"name": "two questions in a row", "messages": [user("1?"), user("2?"), answer("two")]},
    {"name": "two answers in a row", "messages": [user("1?"), answer("one"), answer("and more"), user("2?"), answer("two")]},
    {"name": "system in the middle", "messages": [system("Count."), user("1?"), answer("one"), system("Now in French."), user("2?"), answer("deux")]},
    {"name": "begins with an answer", "messages": [answer("Hello!"), user("1?"), answer("one")]},
    {"name": "empty answer", "messages": [user("1?"), answer(""), user("2?"), answer("two")]},
    {
        "name": "thoughts",
        "messages": [
            user("1?"),
            answer("one", reasoning_content="first\nof all"),
            user("2?"),
            answer("two", reasoning_content="\nthen\n"),
        ],
    },
    {"name": "tools that are not called", "tools": [WEATHER, CLOCK], "messages": [user("Hello?"), answer("Yes.")]},
    {
        "name": "a call and its result",
        "tools": [WEATHER],
        "messages": [
            system("Be brief."),
            user("Weather?"),
            {"role": "assistant", "content": "", "tool_calls": [call("abcdefgh1", "weather", {"place": "Ulm", "days": 1})]},
            result("abcdefgh1", "{\"sky\": \"rain\"}"),
            answer("It rains."),
            user("Thanks"),
            answer("Welcome"),
        ],
    },
    {
        "name": "calls side by side",
        "tools": [WEATHER, CLOCK],
        "messages": [
            user("Weather and time?"),
            {"role": "assistant", "content": None, "tool_calls": [call("abcdefgh1", "weather", HARD), call("abcdefgh2", "clock", {})]},
            result("abcdefgh1", "rain & \"wind\" <5>"),
            result("abcdefgh2", "12:00"),
            answer("Rain at noon."),
        ],
    },
    {
        "name": "calls one after the other, with thoughts",
        "tools": [WEATHER],
        "messages": [
            user("Weather?"),
            {
                "role": "assistant",
                "content": "Let me look.",
                "reasoning_content": "I need the weather.",
                "tool_calls": [call("abcdefgh1", "weather", HARD)],
            },
            result("abcdefgh1", "fog"),
            {"role": "assistant", "content": "", "tool_calls": [call("abcdefgh2", "weather", {"place": "Bonn"})]},
            result("abcdefgh2", "sun"),
            answer("Fog, then sun.", reasoning_content="Both are known."),
        ],
    },
    {
        "name": "results that read like numbers",
        "tools": [CLOCK],
        "messages": [
            user("Time?"),
            {"role": "assistant", "content": "", "tool_calls": [call("abcdefgh1", "clock", {"zone": None, "small": 1e-7, "whole": 2.0})]},
            result("abcdefgh1", "42"),
            answer("42."),
            user("And now?"),
            {"role": "assistant", "content": "", "tool_calls": [call("abcdefgh2", "clock", {})]},
            result("abcdefgh2", "1.50"),
            answer("1.5."),
        ],
    },
    {
        "name": "an answer and a call together, over two questions",
        "tools": [WEATHER],
        "messages": [
            user("Weather?"),
            {"role": "assistant", "content": "  I look. ", "tool_calls": [call("abcdefgh1", "weather", {"place": "Ulm"})]},
            result("abcdefgh1", "fog\n"),
            answer("<think>fog</think>Fog."),
            user("<tool_response>no tool</tool_response>"),
            answer("Indeed.", reasoning_content=""),
        ],
    },
    {"name": "a call without an id", "tools": [CLOCK], "messages": [user("Time?"), {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": "clock", "arguments": {}}}]}]},
]
