/**
 * Puts a chosen chat template in the place of a staged base's own. The base is then another one, with a digest of its own
 * and the same weights, so everything that follows uses this template: encoding, answers, chats and merged exports.
 */
import type { ChatTemplateChoice } from "../contract/chatTemplate.ts";
import { codecOf } from "../data/encoding/codec.ts";
import type { BaseManifest } from "../data/packed/manifests.ts";
import { builtInTemplate } from "../data/template/builtIn.ts";
import type { Objects } from "../stores/objects.ts";
import type { Stores } from "../stores/stores.ts";
import { StoredModel } from "../weights/storedModel.ts";
import type { StagedBase } from "./stageBase.ts";

/** Names of the files in which a model has its templates. */
const templateFile = /^(chat_template\.(jinja|json)|additional_chat_templates\/.*)$/;

export async function withTemplate(
  base: StagedBase,
  choice: ChatTemplateChoice,
  { stores, objects }: { stores: Stores; objects: Objects },
): Promise<StagedBase> {
  const text = await templateTextOf(choice, base.model, stores);
  const staged = await objects.putBytes(Buffer.from(text));
  const files = base.manifest.files.filter(({ path }) => !templateFile.test(path));
  files.push({ path: "chat_template.jinja", ...staged });
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  const manifest: BaseManifest = { ...base.manifest, files };
  const model = StoredModel.ofManifest(stores, objects, manifest);
  // Throws a failure for a template that cannot be parsed.
  await model.codec();
  return { manifest, model, bytes: base.bytes };
}

/** The text of a chosen template. */
export async function templateTextOf(choice: ChatTemplateChoice, model: StoredModel, stores: Stores): Promise<string> {
  const { builtIn, text, uri } = choice;
  if (text !== undefined) return text;
  if (uri !== undefined) return Buffer.from(await stores.of(uri).read(uri)).toString("utf8");
  const { tokenizer } = await codecOf({ ...(await model.codecTexts()), templates: { default: "" } });
  return builtInTemplate(builtIn!, (token) => tokenizer.addedTexts.includes(token));
}
