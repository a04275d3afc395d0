/** Random adapters for the goldens of methods that mix given ones. */
import { declarationOf } from "../../trainer/contract/methods/index.ts";
import { randomAdapter } from "../../trainer/testing/tinyAdapter.ts";
import { modelConfigOf } from "../support/modelDirectory.ts";
import { type GoldenCase, goldenPath } from "./goldens.ts";

/** A case's settings with two random adapters of its base, if its method mixes given ones. */
export function givenOf({ settings }: Pick<GoldenCase, "settings">): Pick<GoldenCase, "given" | "settings"> {
  const { givesAdapters } = declarationOf(settings.method.kind);
  if (givesAdapters === undefined) return { settings };
  const model = modelConfigOf(goldenPath(settings.base));
  const given = [2, 3].map((rank) => randomAdapter(model, { lora: { rank, targetModules: ["o_proj"] } }));
  const method = { ...settings.method, [givesAdapters]: given.map((_, index) => ({ uri: String(index) })) };
  return { given, settings: { ...settings, method } };
}
