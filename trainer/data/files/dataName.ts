/** The form of a data file by the ending of its name, which the ending of a compression may follow. Pure. */
export type Form = "json" | "csv" | "tsv" | "parquet";

export interface DataName {
  readonly form: Form;
  readonly isCompressed: boolean;
}

const forms: Readonly<Record<string, Form>> = {
  jsonl: "json",
  ndjson: "json",
  json: "json",
  csv: "csv",
  tsv: "tsv",
  tab: "tsv",
  parquet: "parquet",
};

const dataEnding = new RegExp(`\\.(${Object.keys(forms).join("|")})(\\.(?:gz|zst|zstd))?$`, "i");

/** Undefined: the name has no data file's ending. */
export function dataName(path: string): DataName | undefined {
  const [, ending = "", compression] = dataEnding.exec(path) ?? [];
  const form = forms[ending.toLowerCase()];
  return form && { form, isCompressed: compression !== undefined };
}
