/** The condition DataChecked: what the last scheduled look at the data found, in words. Pure. */
import { counted } from "../../trainer/contract/counted.ts";
import type { ConditionUpdate } from "../api/conditions.ts";
import type { DataCheckStatus } from "../api/dataCheck.ts";
import type { FineTuneJobStatus } from "../api/fineTuneJob.ts";
import type { Wanted } from "./world.ts";

/** None without spec.dataCheck. */
export function dataChecked(wanted: Wanted, { dataCheck }: FineTuneJobStatus): ConditionUpdate[] {
  if (wanted.spec.dataCheck === undefined) return [];
  const type = "DataChecked";
  if (dataCheck === undefined)
    return [{ type, status: "Unknown", reason: "NotChecked", message: "No check of the data was due yet." }];
  const { outcome, reason = "CheckFailed", message = "", lastChange } = dataCheck;
  switch (outcome) {
    case "Failed":
      return [{ type, status: "False", reason, message }];
    case "Unchanged":
      return [{ type, status: "True", reason: "Unchanged", message: "The last check found no change of the data." }];
    case "Changed":
      return [{ type, status: "True", reason: "Changed", message: lastChange ? changeWords(lastChange) : "" }];
    case "ReadAgain": {
      const words = "The inputs could not be read, so the operator reads them again at each scheduled time.";
      return [{ type, status: "Unknown", reason: "ReadAgain", message: words }];
    }
  }
}

function changeWords(change: NonNullable<DataCheckStatus["lastChange"]>): string {
  const { added, removed, modified, files, bytes, bytesBefore, examples, examplesBefore } = change;
  const moved =
    added === undefined || removed === undefined || modified === undefined
      ? counted(files, "file")
      : `${counted(added, "file")} added, ${removed} removed, ${modified} modified`;
  const size = bytesBefore === undefined ? counted(bytes, "byte") : `${bytesBefore} → ${counted(bytes, "byte")}`;
  const read = examples === undefined ? "" : `; ${examplesBefore ?? "?"} → ${counted(examples, "example")}`;
  return `The last check found a change: ${moved}; ${size}${read}.`;
}
