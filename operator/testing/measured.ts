/** Adapters with measured figures, for the tests of promotion. */
import type { Results } from "../api/common.ts";
import type { Adapter } from "../api/kinds.ts";
import { anAdapter, aPinnedJob, aRun, aSpec, succeeded } from "./builders.ts";

/** The figures of an Adapter. */
export interface Figures {
  after?: string;
  metrics?: NonNullable<NonNullable<Results["evaluation"]>["metrics"]>;
  setup?: { maxNewTokens: number; pattern?: string };
  evalLoss?: string;
  /** Names of the held-out data, from which their digests are made; "": none. */
  test?: string;
  validation?: string;
}

export const digestOf = (of: string) => `sha256:${Buffer.from(of).toString("hex").padEnd(64, "0")}`;

/** An Adapter of LoRA with this rank, of the same test and validation data, unless `figures` name others. */
export function measured(
  rank: number,
  { after, metrics, setup, evalLoss, test = "t", validation = "v" }: Figures,
  promotedAt?: string,
): Adapter {
  const job = aPinnedJob(aSpec({ method: { lora: { rank } } }));
  const adapter = anAdapter(job, succeeded(aRun(job)), promotedAt === undefined ? {} : { promotedAt });
  const { evaluation: _, evalLoss: __, ...results } = adapter.spec.results!;
  const provenance = {
    ...adapter.spec.provenance,
    ...(test === "" ? {} : { evaluationSetDigest: digestOf(test) }),
    ...(validation === "" ? {} : { validationDigest: digestOf(validation) }),
    ...(setup && { evaluation: setup }),
  };
  const figures = {
    ...((after ?? metrics) && {
      evaluation: { ...(after !== undefined && { after }), examples: 100, ...(metrics && { metrics }) },
    }),
    ...(evalLoss === undefined ? {} : { evalLoss }),
  };
  return { ...adapter, spec: { ...adapter.spec, provenance, results: { ...results, ...figures } } };
}
