/** Which chat template renders the conversations of a training, instead of the base model's own. */
import { z } from "zod";
import { access, accessIsRemote, fileUri } from "./locations.ts";
import { type Rule, ruled } from "./rules.ts";
import { setting } from "./setting.ts";

export const builtInTemplates = ["ChatML", "Llama3", "Gemma", "Plain"] as const;
export type BuiltInTemplate = (typeof builtInTemplates)[number];

interface Choice {
  builtIn?: BuiltInTemplate | undefined;
  text?: string | undefined;
  uri?: string | undefined;
}

const members = ["builtIn", "text", "uri"] as const;

const exactlyOne: Rule<Choice> = {
  cel: `${members.map((name) => `(has(self.${name}) ? 1 : 0)`).join(" + ")} == 1`,
  holds: (choice) => members.filter((name) => choice[name] !== undefined).length === 1,
  message: "exactly one of builtIn, text and uri must be set",
};

const choice = ruled(
  z.strictObject({
    builtIn: z.enum(builtInTemplates).optional().meta({
      description:
        "A template for a base without one. An answer ends with the template's own token if the tokenizer has it, else with the tokenizer's end token. Plain: User: …, Assistant: ….",
    }),
    text: z.string().min(1).max(131072).optional().meta({ description: "The text of a Jinja template." }),
    uri: fileUri
      .optional()
      .meta({ description: "A file with a Jinja template: pvc://CLAIM/PATH or s3://BUCKET/PATH." }),
    ...access,
  }),
  exactlyOne,
  accessIsRemote,
);

export type ChatTemplateChoice = z.infer<typeof choice>;

export const chatTemplate = setting(choice, {
  description:
    "The template of conversations. It replaces every template of the base, is staged with the base in its place, and so is part of merged exports. Default: the base model's own.",
  // Credentials are not part of what is trained.
  canonical: ({ builtIn, text, uri, endpoint }) => ({ builtIn, text, uri, endpoint }),
});
