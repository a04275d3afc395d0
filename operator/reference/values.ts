/** Generates the reference of the chart's values from values.yaml: each value with its default and its comment. Pure. */
import { isMap, isScalar, type Pair, parseDocument } from "yaml";
import { table } from "./table.ts";

const introduction = `# Values of the chart

Every value of \`charts/luthier/values.yaml\`. Helm refuses any other.`;

export function valuesPage(text: string): string {
  const { contents } = parseDocument(text);
  if (!isMap(contents)) throw new Error("values.yaml is not a map");
  const rows = contents.items.flatMap((pair) => rowsOf(pair, "", contents.commentBefore));
  return `${introduction}\n\n${table(["Value", "Default", "Meaning"], rows)}`;
}

/** The rows of a value, or of each value below it; `above` is the comment before the first pair of its map. */
function rowsOf({ key, value }: Pair, prefix: string, above: string | null | undefined): string[][] {
  if (!isScalar(key)) throw new Error("a key of values.yaml is not a word");
  const name = `${prefix}${key.value}`;
  const words = wordsOf([key.commentBefore ?? above, isScalar(value) ? value.comment : undefined, commentOf(value)]);
  if (isMap(value) && !value.flow && value.items.length > 0) {
    const inner = value.items.flatMap((pair, index) =>
      rowsOf(pair, `${name}.`, index === 0 ? value.commentBefore : undefined),
    );
    return words === "" ? inner : [[`\`${name}\``, "", words], ...inner];
  }
  const shown = value === null || (isScalar(value) && value.value === null) ? "" : JSON.stringify(plain(value));
  return [[`\`${name}\``, shown === "" ? "" : `\`${shown}\``, words]];
}

const commentOf = (value: unknown) => (isMap(value) ? value.comment : undefined);

function plain(value: unknown): unknown {
  return typeof value === "object" && value !== null && "toJSON" in value && typeof value.toJSON === "function"
    ? value.toJSON()
    : value;
}

function wordsOf(comments: readonly (string | null | undefined)[]): string {
  return comments
    .filter((comment) => typeof comment === "string")
    .map((comment) => comment.replaceAll(/\s*\n\s*/g, " ").trim())
    .filter((comment) => comment !== "")
    .join("; ");
}
