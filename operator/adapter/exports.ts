/** One export of an Adapter: its name, its Job, and its state, derived from the Job. Pure. */
import { createHash } from "node:crypto";
import { type ExportEntry, promotedTag, revisionTag } from "../../trainer/contract/exports.ts";
import { canonicalExport, canonicalJson } from "../../trainer/contract/hashes.ts";
import { locationsOf } from "../../trainer/contract/locations.ts";
import type { ExportFigures } from "../../trainer/contract/report.ts";
import { applied } from "../../trainer/contract/setting.ts";
import { type ExportSource, exportFile } from "../../trainer/contract/stageFiles.ts";
import { storeLayout } from "../../trainer/contract/storeLayout.ts";
import type { AdapterSpec, ExportStatus } from "../api/adapter.ts";
import { cut, longest } from "../api/common.ts";
import { ttlTable } from "../api/jobLife.ts";
import { type Adapter, promotedAt } from "../api/kinds.ts";
import { annotations, labels } from "../api/names.ts";
import { claimMounts } from "../jobs/claims.ts";
import { mayHaveMore, memoryLimitOf } from "../jobs/helperMemory.ts";
import { helperBackoffLimit, hopelessMessage, isHopeless, reportLost, withLostReport } from "../jobs/lostReports.ts";
import { hostMemoryExceeded } from "../jobs/outcome.ts";
import { withRequests } from "../jobs/placement.ts";
import { figureText } from "../jobs/progress.ts";
import { renderJob } from "../jobs/render.ts";
import type { Job } from "../jobs/resources.ts";
import { withFix } from "../jobs/sentence.ts";
import { isUnexplained } from "../jobs/waiting.ts";
import type { ExportWorld, World } from "./world.ts";

/** Key of a requested export; a new `luthier.dev/requested-at` on the Adapter requests all exports again. */
export function exportKey(adapter: Adapter, entry: ExportEntry, { tagged = false } = {}): string {
  const request = adapter.metadata.annotations?.[annotations.requestedAt] ?? "";
  const asked = [adapter.metadata.uid, request, canonicalExport(entry)];
  // A push is done again for another repository, and once more for each promotion.
  if (entry.oci !== undefined) asked.push(canonicalJson(entry.oci), ...(tagged ? [promotedAt(adapter)] : []));
  return createHash("sha256").update(asked.join("\n")).digest("hex").slice(0, 16);
}

/**
 * The key of an export now, and the tag that its Job moves. The promotion of an Adapter neither interrupts a Job that still
 * writes or pushes nor repeats a failed one: once that is Ready, another Job moves the tag. A tag that was moved is not moved back.
 */
export function requested(
  adapter: Adapter,
  entry: ExportEntry,
  { isPromoted }: { isPromoted: boolean },
): Pick<ExportWorld, "key" | "tag"> {
  const key = exportKey(adapter, entry);
  if (entry.oci === undefined || promotedAt(adapter) === "") return { key };
  const tagged = exportKey(adapter, entry, { tagged: true });
  const stateOf = (of: string) => adapter.status?.exports?.find((one) => one.key === of)?.state;
  const mayFollow = isPromoted && (stateOf(key) ?? "Ready") === "Ready";
  return mayFollow || stateOf(tagged) === "Ready" ? { key: tagged, tag: promotedTag(entry) } : { key };
}

export const exportJobName = (key: string) => `export-${key}`;

export function exportJob(
  adapter: Adapter,
  spec: AdapterSpec,
  { entry, key, tag }: Pick<ExportWorld, "entry" | "key" | "tag">,
  { trainerImage, pods }: Pick<World, "trainerImage" | "pods">,
): Job {
  const { execution, artifactRoot } = spec;
  const job = adapter.metadata.labels?.[labels.job];
  return renderJob({
    name: exportJobName(key),
    owner: adapter,
    labels: { [labels.adapter]: adapter.metadata.name, ...(job === undefined ? {} : { [labels.job]: job }) },
    runFile: exportFile(sourceOf(spec, entry), entry, { tag }),
    claims: claimMounts({ read: [], write: artifactRoot }),
    image: trainerImage,
    pods,
    placement: withRequests(execution.placement ?? {}, spec.results?.totalParameters),
    backoffLimit: helperBackoffLimit,
    ttlSecondsAfterFinished: applied(ttlTable, execution).ttlSecondsAfterFinished,
  });
}

function sourceOf(spec: AdapterSpec, { oci }: ExportEntry): ExportSource {
  const { artifactRoot, provenance, source, baseModel, execution } = spec;
  const { runHash, evaluationSetDigest } = provenance;
  return {
    artifactRoot,
    locations: locationsOf([{ ...execution.artifacts, uri: artifactRoot }, oci]),
    runHash,
    adapterDigest: source.digest,
    baseDigest: baseModel.digest,
    evaluationSetDigest,
  };
}

/** Is the export finished: written and compared, or failed in a way that a retry would repeat? */
export function isFinished(one: ExportStatus, key: string, { execution }: AdapterSpec): boolean {
  if (one.key !== key) return false;
  const again = mayHaveMore(one, memoryLimitOf(execution.placement));
  return one.state === "Ready" || (one.state === "Failed" && !again);
}

/** The state of one export. The status keeps a finished export, because its Job may be deleted later. */
export function exportStatus(
  before: ExportStatus | undefined,
  world: ExportWorld,
  { spec, trainerImage }: { spec: AdapterSpec; trainerImage: string },
): ExportStatus {
  const { entry, key, state } = world;
  if (before && isFinished(before, key, spec) && (state.kind === "Absent" || state.kind === "Foreign")) return before;
  const named = { name: entry.name, key, jobName: exportJobName(key) };
  const same = before?.key === key ? before : undefined;
  const lost = same?.lostReports;
  const limit = memoryLimitOf(spec.execution.placement);
  const memoryLimit = state.kind === "Absent" ? limit : same?.memoryLimit;
  const status = {
    ...named,
    ...(memoryLimit === undefined ? {} : { memoryLimit }),
    ...(lost === undefined ? {} : { lostReports: lost }),
  };
  switch (state.kind) {
    case "Absent":
      return { ...status, state: "Pending", message: "Creating its Job." };
    case "Deleting": {
      const message = state.waiting?.message;
      return {
        ...status,
        state: "Pending",
        ...(message === undefined ? {} : { message: cut(message, longest.message) }),
      };
    }
    case "Foreign":
      return {
        ...status,
        state: "Failed",
        ...explained(
          "NameConflict",
          withFix(
            `Job ${status.jobName} exists and does not belong to this Adapter`,
            `To export by another Job, ${again}.`,
          ),
        ),
      };
    case "Pending":
      // An unexplained wait sets no reason.
      return {
        ...status,
        state: "Pending",
        ...(isUnexplained(state)
          ? { message: cut(state.message, longest.message) }
          : explained(state.reason, state.message)),
      };
    case "Running":
    case "Completing":
      return { ...status, state: "Running" };
    case "Failed": {
      const { reason, message } = state.failure;
      if (mayHaveMore({ reason, memoryLimit }, limit)) {
        return {
          ...status,
          state: "Pending",
          message: "The memory limit of its pod was raised; the operator exports it again.",
        };
      }
      // The operator notices a raised memory limit in the spec.
      const words = reason === hostMemoryExceeded ? message : withFix(message, fix(reason, spec));
      return { ...status, state: "Failed", ...explained(reason, words) };
    }
    case "Succeeded": {
      const { envelope } = state;
      const figures = envelope?.stage === "Export" && envelope.outcome === "Succeeded" ? envelope.figures : undefined;
      if (figures?.name === entry.name) return { ...named, ...ready(figures, world, spec) };
      return { ...named, ...lostExport(withLostReport(lost, world.job), trainerImage) };
    }
  }
}

/** Cuts reason and message to the lengths of a status. */
const explained = (reason: string, message: string): Pick<ExportStatus, "reason" | "message"> => ({
  reason: cut(reason, longest.reason),
  message: cut(message, longest.message),
});

const again = `annotate this Adapter: ${annotations.requestedAt}=$(date +%s)`;

/** The fix for a failed export. */
function fix(reason: string, { provenance }: AdapterSpec): string {
  if (/^Adapter(Missing|Corrupt)$/.test(reason)) {
    return `The operator does not train again unasked: restore the files and ${again}; or, to train again, remove report.json beside them if it exists, and delete this Adapter and FineTuneRun ${provenance.runName}.`;
  }
  return `To retry, ${again}.`;
}

/** The report is lost: the operator recreates the Job, which finds the files that it wrote. */
function lostExport(
  lostReports: string[],
  trainerImage: string,
): Pick<ExportStatus, "state" | "reason" | "message" | "lostReports"> {
  const lost = { reason: reportLost, lostReports };
  if (!isHopeless(lostReports))
    return { ...lost, state: "Pending", message: "The report was lost; the operator runs the Job again." };
  const words = hopelessMessage(lostReports, trainerImage);
  const message = `${words} When that is fixed, ${again}.`;
  return { ...lost, state: "Failed", message };
}

function ready(
  figures: ExportFigures,
  { entry, tag }: Pick<ExportWorld, "entry" | "tag">,
  { artifactRoot, provenance }: AdapterSpec,
): Omit<ExportStatus, "name" | "key" | "jobName"> {
  return {
    state: "Ready",
    uri: storeLayout.export(storeLayout.run(artifactRoot, provenance.runHash), entry),
    digest: figures.digest,
    sizeBytes: figures.sizeBytes,
    shards: figures.shards,
    ...(entry.oci &&
      figures.artifactDigest !== undefined && {
        artifact: {
          uri: `${entry.oci.uri}@${figures.artifactDigest}`,
          tags: [revisionTag(entry, provenance.runHash), ...(tag === undefined ? [] : [tag])],
          ...(figures.artifactBytes !== undefined && { sizeBytes: figures.artifactBytes }),
        },
      }),
    verified: {
      maxLogitDifference: figureText(figures.maxLogitDifference),
      klDivergence: figureText(figures.klDivergence),
    },
  };
}
