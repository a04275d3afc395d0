/**
 * The files of a data set of the hub by configuration and split. They follow from `configs` of its README.md, as `datasets`
 * reads them; without it, from the names of the files and directories, with all of them as train where none names a split.
 * Pure.
 */
import { parse } from "yaml";
import { z } from "zod";
import { invalid } from "../contract/failure.ts";
import { patternOr } from "./patterns.ts";

export type Split = "train" | "validation" | "test";

/** Names of each split, as `datasets` knows them. */
const synonyms: Readonly<Record<Split, readonly string[]>> = {
  train: ["train", "training"],
  validation: ["validation", "valid", "val", "dev"],
  test: ["test", "testing", "eval", "evaluation"],
};

export interface Wanted {
  readonly uri: string;
  readonly configuration: string | undefined;
  /** A split of the data set by its own name. */
  readonly split: string | undefined;
  /** The split that is used where none is named. */
  readonly usual: Split;
}

const paths = z.union([z.string(), z.array(z.string())]).transform((given) => [given].flat());
const splitFiles = z.union([
  paths.transform((given) => [{ split: "train", path: given }]),
  z.array(z.looseObject({ split: z.string(), path: paths })),
]);
const configuration = z.looseObject({
  config_name: z.string().default("default"),
  default: z.boolean().optional(),
  data_files: splitFiles.optional(),
  data_dir: z.string().optional(),
});
const card = z.looseObject({ configs: z.array(configuration).min(1).optional() });
type Configuration = z.infer<typeof configuration>;

/** The paths of the wanted files, sorted. `files`: the paths of all data files; `readme`: its text, if there is one. */
export function hubFiles(files: readonly string[], readme: string | undefined, wanted: Wanted): string[] {
  const splits = splitsOf(files, readme, wanted);
  const names = wanted.split === undefined ? synonyms[wanted.usual] : [wanted.split];
  const found = names.flatMap((name) => splits.get(name) ?? []);
  if (found.length > 0) return [...new Set(found)].sort();
  throw invalid(
    "SplitUnknown",
    `${wanted.uri}: has no data files for the split ${names[0]}; its splits are ${[...splits.keys()].join(", ") || "none"}: set split to one of them`,
  );
}

function splitsOf(files: readonly string[], readme: string | undefined, wanted: Wanted): Map<string, string[]> {
  const configs = configsOf(readme, wanted.uri);
  const chosen = configs && chosenOf(configs, wanted);
  if (chosen === undefined && wanted.configuration !== undefined && wanted.configuration !== "default") {
    throw invalid(
      "ConfigurationUnknown",
      `${wanted.uri}: its README.md has no configs, so there is no configuration ${wanted.configuration}: remove it, or name files`,
    );
  }
  const directory = chosen?.data_dir === undefined ? "" : `${chosen.data_dir.replace(/^\.?\/|\/+$/g, "")}/`;
  const below = files.filter((file) => file.startsWith(directory));
  if (chosen?.data_files === undefined) return byName(below);
  const splits = new Map<string, string[]>();
  for (const { split, path } of chosen.data_files) {
    const patterns = path.map((one) =>
      patternOr(`${directory}${one.replace(/^\.?\//, "")}`, (reason) =>
        invalid(
          "DatasetCardInvalid",
          `${wanted.uri}: a pattern in configs of its README.md ${reason}; name files instead`,
        ),
      ),
    );
    splits.set(split, [
      ...(splits.get(split) ?? []),
      ...below.filter((file) => patterns.some((pattern) => pattern.test(file))),
    ]);
  }
  return splits;
}

function configsOf(readme: string | undefined, uri: string): Configuration[] | undefined {
  const text = /^---\r?\n([\s\S]*?)\r?\n---/.exec(readme ?? "")?.[1];
  if (text === undefined) return undefined;
  const parsed = card.safeParse(yamlOf(text));
  if (parsed.success) return parsed.data.configs;
  throw invalid("DatasetCardInvalid", `${uri}: configs of its README.md cannot be read; name files instead`);
}

function yamlOf(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0 });
  } catch {
    return undefined;
  }
}

function chosenOf(configs: readonly Configuration[], { uri, configuration: name }: Wanted): Configuration {
  const names = configs.map((one) => one.config_name);
  const usual = configs.find((one) => one.default) ?? configs.find((one) => one.config_name === "default");
  const chosen =
    name !== undefined ? configs.find((one) => one.config_name === name) : configs.length === 1 ? configs[0] : usual;
  if (chosen) return chosen;
  throw invalid(
    "ConfigurationUnknown",
    name === undefined
      ? `${uri}: has several configurations: set configuration to one of ${names.join(", ")}`
      : `${uri}: has no configuration ${name}; its configurations are ${names.join(", ")}`,
  );
}

/** A name or a directory that contains a split's name as a word; `data/NAME-00000-of-00001.parquet` names its own. */
function byName(files: readonly string[]): Map<string, string[]> {
  const splits = new Map<string, string[]>();
  for (const file of files) {
    const own = /(?:^|\/)([\w.]+(?:-[\w.]+)*)-\d{5}-of-\d{5}(?:-[^/]*)?\.[^/]+$/.exec(file)?.[1];
    const split = own ?? splitIn(file);
    if (split !== undefined) splits.set(split, [...(splits.get(split) ?? []), file]);
  }
  return splits.size === 0 && files.length > 0 ? new Map([["train", [...files]]]) : splits;
}

function splitIn(file: string): Split | undefined {
  const words = file.toLowerCase().split(/[^a-z]+/);
  const order = ["test", "validation", "train"] as const;
  return order.find((split) => synonyms[split].some((name) => words.includes(name)));
}
