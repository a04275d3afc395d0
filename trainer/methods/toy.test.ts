/**
 * A method is one declaration and one definition. This test defines one that no other file knows, and runs it through
 * every stage: training, saving, loading, merging, verification and chat.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { declareMethod } from "../contract/methods/declaration.ts";
import { setting } from "../contract/setting.ts";
import { Chat } from "../generation/chat.ts";
import { runExport } from "../stages/export.ts";
import { runTrain } from "../stages/train.ts";
import { TinyTraining } from "../testing/tinyTraining.ts";
import { readPeftAdapter } from "../weights/adapterSource.ts";
import { StoredModel } from "../weights/storedModel.ts";
import { registerMethod } from "./index.ts";
import { defineMethod } from "./method.ts";
import { peftPrefix } from "./peft.ts";

const declaration = declareMethod({
  kind: "outerProduct",
  description: "W + gain·u·vᵀ on the layers of one name.",
  learningRate: "1e-2",
  result: "Adapter",
  settings: {
    layer: setting(z.string(), { description: "The last part of the layers' names.", default: "q_proj" }),
    gain: setting(z.int(), { description: "Scale.", default: 2 }),
  },
});

const outerProduct = defineMethod(declaration, {
  describe: ({ layer, gain }) => `outer products on ${layer}, gain ${gain}`,
  linear(site, x, base, { layer, gain }) {
    if (!site.name.endsWith(`.${layer}`)) return base(x);
    const v = site.trainable("v", [1, site.in], { kind: "normal", deviation: 0.3 });
    const u = site.trainable("u", [site.out, 1], { kind: "zeros" }, { scale: gain });
    return base(x, { lowRank: { from: x, a: v.phi, b: u.phi } });
  },
  merge(site, w, { first, last }, { gain }) {
    const [u, v] = [site.parameter("u"), site.parameter("v")];
    for (let row = first; row < last; row++) {
      for (let i = 0; i < site.in; i++) w[(row - first) * site.in + i]! += gain * u[row]! * v[i]!;
    }
  },
  peft: {
    config: ({ layer, gain }) => ({ peft_type: "OUTER_PRODUCT", layer: [layer], gain }),
    matches: ({ peft_type }) => peft_type === "OUTER_PRODUCT",
    read: (members) => ({
      kind: "outerProduct",
      layer: members.names("layer")[0] ?? "",
      gain: members.whole("gain", 1, 100),
    }),
    fault: ({ key }, { layer }) =>
      new RegExp(`^${peftPrefix}.+\\.${layer}\\.[uv]$`).test(key) ? undefined : `key ${key} is not of ${layer}`,
  },
});

/** The setting of a user, by a name that only the registry knows. */
const chosen = (settings: object): object => ({ outerProduct: settings });

test("a registered method can be trained, saved, loaded, merged, verified and used for chat", async (t) => {
  using _ = registerMethod(outerProduct);
  const tiny = await TinyTraining.make(t, {
    method: chosen({ layer: "v_proj" }),
    training: { maxSteps: 6, batchTokens: 256, learningRate: "5e-2" },
  });
  const { figures } = await runTrain(await tiny.trainFile(), tiny.context());
  assert.equal(figures.trainableParameters, 2 * (32 + 16));

  const { stores } = tiny.context();
  const adapter = await readPeftAdapter(stores, `file://${await tiny.runPath()}/adapter`);
  assert.ok(adapter);
  assert.deepEqual(adapter.settings, { kind: "outerProduct", layer: "v_proj", gain: 2 });
  assert.ok([...adapter.tensors].some(([name, values]) => name.endsWith(".u") && values.some((value) => value !== 0)));

  const exported = await runExport(await tiny.exportFile(figures.adapterDigest, { dtype: "F32" }), tiny.context());
  assert.ok(exported.figures.klDivergence < 1e-6, "the merged model agrees with base and adapter");

  const model = await StoredModel.inDirectory(stores, `file://${tiny.directory}/base`);
  const chat = await Chat.open({ model, adapter, threads: 1 });
  const options = { maxNewTokens: 3, temperature: 0, seed: 1, signal: new AbortController().signal };
  for await (const piece of chat.answer([{ role: "user", content: "odd 1" }], options))
    assert.equal(typeof piece, "string");
  chat.close();
});

test("a method is unknown before its registration and after its disposal, and no name can be registered twice", async (t) => {
  const tiny = await TinyTraining.make(t, { method: chosen({}) });
  await assert.rejects(tiny.trainFile(), /unknown method outerProduct; use one of lora/);
  const registered = registerMethod(outerProduct);
  assert.throws(() => registerMethod(outerProduct), /outerProduct is already registered/);
  await tiny.trainFile();
  registered[Symbol.dispose]();
  await assert.rejects(tiny.trainFile(), /unknown method outerProduct/);
});
