/** The fields of a FineTuneJob that set the pods of one of its Jobs, by the Job's stage. Pure. */
import { labels } from "../api/names.ts";
import type { Job } from "./resources.ts";

export interface PlacementFields {
  /** Resources of the container. */
  resources: string;
  /** The field that holds selectors, affinity and tolerations. */
  where: string;
  /** The product of the GPU that a node must have, if one is named. */
  gpuClass: string | undefined;
}

export function fieldsOf({ metadata }: Job): PlacementFields {
  const gpuClass = metadata.labels?.[labels.gpuClass];
  const trains = metadata.labels?.[labels.stage] === "train";
  return trains
    ? { resources: "placement.resources", where: "placement", gpuClass }
    : { resources: "helpers.resources", where: "helpers (default: of placement)", gpuClass };
}
