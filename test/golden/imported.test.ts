/** Adapters that PEFT and AdapterHub's library saved, with nothing of ours beside them, are exported in every form they have. */
import assert from "node:assert/strict";
import { cpSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import type { ExportEntry } from "../../trainer/contract/exports.ts";
import { declarationOf } from "../../trainer/contract/methods/index.ts";
import { importedExportFile } from "../../trainer/contract/stageFiles.ts";
import { runExport } from "../../trainer/stages/export.ts";
import { Stores } from "../../trainer/stores/stores.ts";
import { temporaryDirectory, testContext } from "../../trainer/testing/temporary.ts";
import { tinyTokenizerConfig, tinyTokenizerJson } from "../../trainer/testing/tinyModel.ts";
import { readPeftAdapter } from "../../trainer/weights/adapterSource.ts";
import { goldenPath, readCase } from "./goldens.ts";
import { ourAdapters, savedCases } from "./ourAdapter.ts";

/** The printable characters of ASCII, in a vocabulary that fits the goldens' bases. */
const printable = { first: 32, count: 95 };

for (const name of savedCases) {
  const { theirs } = ourAdapters[name];
  if (theirs === undefined) continue;
  test(`an adapter that its library saved is exported with its base: ${name}`, async (t) => {
    const directory = await temporaryDirectory(t);
    cpSync(goldenPath(readCase(name).settings.base), `${directory}/base`, { recursive: true });
    writeFileSync(`${directory}/base/tokenizer.json`, JSON.stringify(tinyTokenizerJson(printable)));
    writeFileSync(`${directory}/base/tokenizer_config.json`, JSON.stringify(tinyTokenizerConfig()));
    const adapter = { uri: pathToFileURL(goldenPath(theirs)).href };
    const source = { artifactRoot: `file://${directory}/store`, adapter, base: { uri: `file://${directory}/base` } };
    const exported = (entry: ExportEntry) =>
      runExport(importedExportFile(source, entry), testContext(directory)).then(({ figures }) => figures);
    const { settings } = (await readPeftAdapter(new Stores(), adapter.uri))!;
    const { mergeRefusal, peftRefusal } = declarationOf(settings.kind);
    const merged = exported({ name: "merged", merged: { dtype: "F32" } });
    if (mergeRefusal === undefined) assert.ok((await merged).klDivergence < 1e-6);
    else await assert.rejects(merged, { code: 20, reason: "MergeImpossible" });
    const alone = exported({ name: "alone", adapter: {} });
    if (peftRefusal === undefined) assert.equal((await alone).maxLogitDifference, 0);
    else await assert.rejects(alone, { code: 20, reason: "AdapterImpossible" });
  });
}
