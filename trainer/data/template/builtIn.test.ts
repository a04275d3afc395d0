import assert from "node:assert/strict";
import { test } from "node:test";
import { builtInTemplate } from "./builtIn.ts";
import { ChatTemplate } from "./chatTemplate.ts";

const special = { bosToken: "<s>", eosToken: "</s>", padToken: undefined, unkToken: undefined };
const messages = [
  { role: "system", content: "S" },
  { role: "user", content: "a" },
  { role: "assistant", content: "b" },
];

test("a built-in template ends answers with its own token, or with the tokenizer's end token", () => {
  const expected = {
    ChatML: "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n",
    Llama3:
      "<s><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\na<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nb<|eot_id|>",
    Gemma: "<s><start_of_turn>user\nS\n\na<end_of_turn>\n<start_of_turn>model\nb<end_of_turn>\n",
    Plain: "<s>System: S\n\nUser: a\n\nAssistant: b</s>\n\n",
  } as const;
  const ends = /<\|im_end\|>|<\|eot_id\|>|<end_of_turn>/g;
  for (const name of ["ChatML", "Llama3", "Gemma", "Plain"] as const) {
    const own = new ChatTemplate(
      builtInTemplate(name, () => true),
      special,
    );
    assert.equal(own.render({ messages }, false), expected[name], name);
    const other = new ChatTemplate(
      builtInTemplate(name, () => false),
      special,
    );
    assert.equal(other.render({ messages }, false), expected[name].replaceAll(ends, "</s>"), name);
    const prompt = own.render({ messages: messages.slice(0, 2) }, true);
    assert.ok(own.render({ messages }, false).startsWith(prompt), name);
    assert.ok(own.canLearn({ messages }), name);
  }
});
