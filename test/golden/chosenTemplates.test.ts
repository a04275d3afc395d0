/**
 * Named templates are chosen as by transformers (chat_named.py), and built-in ones render conversations without tools as the models'
 * own templates do, which their names mean (real.py).
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { builtInTemplate } from "../../trainer/data/template/builtIn.ts";
import { ChatTemplate } from "../../trainer/data/template/chatTemplate.ts";
import { Stores } from "../../trainer/stores/stores.ts";
import { temporaryDirectory } from "../../trainer/testing/temporary.ts";
import { tinyTokenizerConfig, writeTinyModel } from "../../trainer/testing/tinyModel.ts";
import { StoredModel } from "../../trainer/weights/storedModel.ts";
import { conversations } from "./realConversations.ts";

const read = (name: string) => readFile(new URL(name, import.meta.url), "utf8");
const textOf = (name: string) => read(`templates/${name}.jinja`);

const named = z.array(
  z.strictObject({
    name: z.string(),
    config: z.union([z.string(), z.array(z.strictObject({ name: z.string(), template: z.string() }))]).optional(),
    files: z.record(z.string(), z.string()).optional(),
    /** The chosen template; null where transformers refuses. */
    plain: z.string().nullable(),
    tools: z.string().nullable(),
  }),
);

for (const { name, config, files = {}, plain, tools } of named.parse(
  JSON.parse(await read("data/chat/named-templates.json")),
)) {
  test(`of several templates, the one of transformers is used: ${name}`, async (t) => {
    const directory = await temporaryDirectory(t);
    await writeTinyModel(directory);
    const filled =
      config === undefined || typeof config === "string"
        ? config && (await textOf(config))
        : await Promise.all(config.map(async (one) => ({ ...one, template: await textOf(one.template) })));
    const tokenizerConfig = { ...tinyTokenizerConfig(), chat_template: filled };
    await writeFile(`${directory}/tokenizer_config.json`, JSON.stringify(tokenizerConfig));
    for (const [file, template] of Object.entries(files)) {
      await mkdir(path.dirname(`${directory}/${file}`), { recursive: true });
      await writeFile(`${directory}/${file}`, await textOf(template));
    }
    const { template, tokenizer } = await (await StoredModel.inDirectory(new Stores(), `file://${directory}`)).codec();
    const called = conversations.find(({ tools }) => tools)!;
    const { tools: _, ...without } = conversations.find((one) => one.tools === undefined)!;
    for (const [conversation, expected] of [
      [without, plain],
      [called, tools],
    ] as const) {
      if (expected === null) assert.throws(() => template!.render(conversation, true), { reason: "TemplateInvalid" });
      else {
        const alone = new ChatTemplate(await textOf(expected), tokenizer.special);
        assert.equal(template!.render(conversation, true), alone.render(conversation, true));
      }
    }
  });
}

const builtIn = z.strictObject({
  ChatML: z.array(z.string().nullable()),
  Llama3: z.array(z.string().nullable()),
  Gemma: z.array(z.string().nullable()),
});
const digests = builtIn.parse(JSON.parse(await read("data/real/built-in.json")));

for (const name of builtIn.keyof().options) {
  test(`the built-in template ${name} renders real conversations as the models' own`, () => {
    const special = { bosToken: "<s>", eosToken: "</s>", padToken: undefined, unkToken: undefined };
    const template = new ChatTemplate(
      builtInTemplate(name, () => true),
      special,
    );
    const plain = conversations.filter(
      ({ messages, tools }) => tools === undefined && messages.every(({ tool_calls }) => tool_calls === undefined),
    );
    assert.equal(digests[name].length, plain.length);
    const compared = plain.filter((conversation, index) => {
      const expected = digests[name][index];
      if (expected === null) return false;
      const text = template.render(conversation, false);
      assert.equal(
        createHash("sha256").update(text).digest("hex").slice(0, 12),
        expected,
        JSON.stringify(conversation),
      );
      return true;
    });
    assert.ok(compared.length > 80, String(compared.length));
  });
}
