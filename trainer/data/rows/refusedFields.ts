/**
 * Unsupported fields of the formats' dialects that change the meaning of a row: a row that holds one is refused with
 * the fix. A field that is neither read nor listed here is reported as ignored. Pure.
 */
import type { NamedFormat } from "../../contract/settings.ts";
import { JsonFloat, RowError } from "./example.ts";
import { isEmpty, type RowFields } from "./rowFields.ts";

interface Refused {
  fields: readonly string[];
  formats: readonly NamedFormat[];
  /** Whether a non-empty value changes the meaning; absent: every value does. */
  means?: (value: unknown) => boolean;
  why: string;
}

const conversations = ["Messages", "ShareGPT"] as const;
const preferences = ["Preference", "Labelled"] as const;
const supervised = [...conversations, "Alpaca", "PromptCompletion"] as const;
const answers = [...supervised, ...preferences] as const;

/** Tables hold false as text. */
const isFalse = (value: unknown) => value === false || (typeof value === "string" && /^false$/i.test(value.trim()));

const refused: readonly Refused[] = [
  {
    fields: ["images", "image", "videos", "video", "audios", "audio"],
    formats: answers,
    why: "cannot be trained on: only text can; leave such rows out, or remove the field where it has no meaning",
  },
  {
    fields: ["functions", "function_call"],
    formats: conversations,
    why: "is of OpenAI's older form: write tools, [{type: function, function: …}]",
  },
  {
    fields: ["chat_template_kwargs"],
    formats: answers,
    why: "settings of the chat template for single rows are not supported; remove the field to render the rows without",
  },
  {
    fields: ["label", "kto_tag"],
    formats: supervised,
    means: isFalse,
    why: "is false, which marks an answer that is not wanted: set training.objective to KTO to learn from it, or leave such rows out",
  },
  {
    fields: ["rejected"],
    formats: ["ShareGPT", "Alpaca"],
    why: "is of preference data: set training.objective to learn from both answers, or write the wanted one where the format has the answer",
  },
  {
    fields: ["weight"],
    formats: conversations,
    means: (value) => Number(value instanceof JsonFloat ? value.value : value) !== 1,
    why: "a row has no weight of its own; set weight to 0 or 1 in its answers, or dataset.sources[].weight",
  },
  {
    fields: ["history", "system"],
    formats: ["PromptCompletion"],
    why: "rows of prompt and completion have none; set format: Alpaca and columns: {instruction: prompt, output: completion}",
  },
  {
    fields: ["history"],
    formats: conversations,
    why: "a conversation has none beside its messages; write the earlier turns into them",
  },
];

/** Throws `RowError` for a row with a field that would change its meaning. */
export function refuseFields(fields: RowFields, format: NamedFormat): void {
  for (const { fields: names, formats, means, why } of refused) {
    if (!formats.includes(format)) continue;
    for (const name of names) {
      const value = fields.member(name);
      if (!isEmpty(value) && (means === undefined || means(value))) throw new RowError(`${name}: ${why}`);
    }
  }
}
