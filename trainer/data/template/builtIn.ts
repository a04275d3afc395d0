/** Chat templates for bases that have none. Each ends an answer with its own token, or with the tokenizer's end token. Pure. */
import type { BuiltInTemplate } from "../../contract/chatTemplate.ts";

interface BuiltIn {
  /** The token that ends a turn. */
  readonly end: string;
  /** `END` stands for the end of a turn. */
  readonly text: string;
}

const bos = "{% if bos_token is defined %}{{ bos_token }}{% endif %}";

const builtIns: Readonly<Record<BuiltInTemplate, BuiltIn>> = {
  ChatML: {
    end: "<|im_end|>",
    text: `{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content }}END{{ '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`,
  },
  Llama3: {
    end: "<|eot_id|>",
    text: `${bos}{% for message in messages %}{{ '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' + message.content | trim }}END{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}`,
  },
  Gemma: {
    end: "<end_of_turn>",
    text: `${bos}{% set first = messages[0].content + '\\n\\n' if messages[0].role == 'system' else '' %}{% for message in messages if message.role != 'system' %}{{ '<start_of_turn>' + ('model' if message.role == 'assistant' else message.role) + '\\n' + (first if loop.first else '') + message.content | trim }}END{{ '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}`,
  },
  Plain: {
    end: "",
    text: `${bos}{% for message in messages %}{% if message.role == 'assistant' %}{{ 'Assistant: ' + message.content }}END{{ '\\n\\n' }}{% else %}{{ message.role | capitalize + ': ' + message.content + '\\n\\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ 'Assistant: ' }}{% endif %}`,
  },
};

/** The template's text; `isToken` tells whether the tokenizer has a text as one token. */
export function builtInTemplate(name: BuiltInTemplate, isToken: (text: string) => boolean): string {
  const { end, text } = builtIns[name];
  return text.replaceAll("END", end !== "" && isToken(end) ? end : "{{ eos_token }}");
}
