/** One Adapter as a run of an experiment tracker: parameters, figures, curves and digests. Pure. */
import type { Adapter, FineTuneRun } from "../../operator/api/kinds.ts";
import { labels } from "../../operator/api/names.ts";
import { isRecord } from "../../operator/runtime/objects.ts";
import { readPoints } from "../../trainer/contract/curves.ts";

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly step: number;
}

export interface TrackedRun {
  /** The same for the same result, whatever cluster it was restored to. */
  readonly key: string;
  readonly name: string;
  /** In milliseconds since 1970. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly parameters: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly figures: readonly Figure[];
}

/** `run`: its FineTuneRun, which has the settings; without it the parameters are those of the Adapter alone. */
export function trackedRun({ metadata, spec }: Adapter, run: FineTuneRun | undefined): TrackedRun {
  const { provenance, baseModel, source, results } = spec;
  const settings = run?.spec.runHash === provenance.runHash ? run.spec.settings : undefined;
  const endedAt = Date.parse(metadata.creationTimestamp ?? "") || 0;
  const namespace = metadata.namespace ?? "default";
  const { runName, runHash, trainerImage, baseDigest, datasetDigest, evaluationSetDigest, validationDigest } =
    provenance;
  const tags = {
    ...{ namespace, adapter: metadata.name, job: metadata.labels?.[labels.job], revision: String(spec.revision) },
    ...{ run: runName, runHash, trainerImage, uri: source.uri, adapterDigest: source.digest },
    ...{ baseDigest, datasetDigest, evaluationSetDigest, validationDigest },
  };
  return {
    key: `${namespace}/${metadata.name}/${runHash}`,
    name: metadata.name,
    startedAt: endedAt - Math.round(Number(results?.seconds ?? 0) * 1000),
    endedAt,
    parameters: {
      ...leavesOf({ baseModel: { uri: baseModel.uri, revision: baseModel.revision } }),
      ...leavesOf(settings),
    },
    tags: Object.fromEntries(
      Object.entries(tags).flatMap(([name, value]) => (value === undefined ? [] : [[`luthier.${name}`, value]])),
    ),
    figures: results === undefined ? [] : [...finalFigures(results), ...curvesOf(results)],
  };
}

type Results = NonNullable<Adapter["spec"]["results"]>;

/** The members of the results that are numbers, at the last step. */
function finalFigures({ evaluation, curves: _, adapterDigest: __, ...results }: Results): Figure[] {
  const { metrics = [], ...exactMatch } = evaluation ?? {};
  const named = [
    ...Object.entries(results),
    ...Object.entries(exactMatch).map(([name, value]) => [`evaluation/ExactMatch/${name}`, value] as const),
    ...metrics.flatMap(({ metric, before, after }) => [
      [`evaluation/${metric}/before`, before] as const,
      [`evaluation/${metric}/after`, after] as const,
    ]),
  ];
  return named.flatMap(([name, value]) => {
    const number = value === undefined ? Number.NaN : Number(value);
    return Number.isFinite(number)
      ? [{ name: name.includes("/") ? name : `result/${name}`, value: number, step: results.steps }]
      : [];
  });
}

const curvesOf = ({ curves = [] }: Results): Figure[] =>
  curves.flatMap((curve) =>
    readPoints(curve).map(({ step, value }) => ({ name: `training/${curve.name}`, value, step })),
  );

/** The innermost members by their paths: `training.epochs`, `dataset.sources.0.uri`. */
function leavesOf(value: unknown, path: readonly string[] = []): Record<string, string> {
  if (value === undefined) return {};
  const members = Array.isArray(value) ? [...value.entries()] : isRecord(value) ? Object.entries(value) : undefined;
  if (members === undefined) return { [path.join(".")]: typeof value === "string" ? value : JSON.stringify(value) };
  return Object.assign({}, ...members.map(([name, one]) => leavesOf(one, [...path, String(name)])));
}
