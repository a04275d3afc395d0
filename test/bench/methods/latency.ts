/** Milliseconds of a decoded token, with a method's adapter beside the base or for the base alone. */
import { compile } from "../../../trainer/compile/compile.ts";
import type { MethodSettings } from "../../../trainer/contract/methods/index.ts";
import { CacheForward } from "../../../trainer/engine/cacheForward.ts";
import { Engine } from "../../../trainer/engine/engine.ts";
import { ropeTable } from "../../../trainer/models/rope.ts";
import type { StoredModel } from "../../../trainer/weights/storedModel.ts";
import { tensorsOf } from "../../../trainer/weights/verifiedBase.ts";
import type { Latency } from "./page.ts";

const capacity = 64;
const rounds = 40;

export async function latencyOf(model: StoredModel, method: MethodSettings | { kind: "none" }): Promise<Latency> {
  return { one: await decoding(model, method, 1), many: await decoding(model, method, 16) };
}

/** The median over the positions of a short answer; an adapter's values do not change it, so it has its initial ones. */
async function decoding(model: StoredModel, method: MethodSettings | { kind: "none" }, slots: number): Promise<number> {
  const config = await model.config();
  const shape = { slots, capacity, prefillTokens: capacity };
  const engine = new Engine(
    compile({
      model: config,
      device: "cpu",
      storage: await model.storage(),
      method,
      precision: "BF16",
      rowTokens: 1,
      microRows: 1,
      recomputedBlocks: 0,
      generation: shape,
    }),
    { threads: 0 },
  );
  try {
    const base = tensorsOf(model, await model.tensors());
    await engine.bind(base);
    for (const { name } of engine.stateOf("parameter")) engine.floats("parameter", name).fill(1e-3);
    for (const { name } of engine.stateOf("first")) engine.floats("first", name).fill(1e-3);
    await engine.bindResiduals(base);
    await engine.run({ program: "derive" });
    const rope = ropeTable(config, capacity, engine.compiled.positionOffset);
    const forward = new CacheForward(engine, shape, rope);
    const times: number[] = [];
    for (let position = 0; position < rounds; position++) {
      const tokens = Array.from({ length: slots }, (_, slot) => ({ token: 1 + slot, slot, position }));
      const started = performance.now();
      await forward.run(tokens);
      times.push(performance.now() - started);
    }
    return times.toSorted((a, b) => a - b)[rounds >> 1]!;
  } finally {
    engine.close();
  }
}
