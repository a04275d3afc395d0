/** The fields of a FineTuneJob in which a person changes the pods of one of its Jobs. Pure; by the stage of the Job. */
import { labels } from "../api/names.ts";
import type { Job } from "./resources.ts";

export interface PlacementFields {
  /** Resources of the container. */
  resources: string;
  /** What has its selectors, affinity and tolerations. */
  where: string;
}

export function fieldsOf({ metadata }: Job): PlacementFields {
  const trains = metadata.labels?.[labels.stage] === "train";
  return trains
    ? { resources: "placement.resources", where: "placement" }
    : { resources: "helpers.resources", where: "helpers (default: of placement)" };
}
