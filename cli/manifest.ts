/**
 * Reads a manifest and reports the field, the reason and the line of the YAML for every error in it.
 *
 * The text is untrusted: the parser bounds aliases and executes nothing.
 */
import { type Document, isNode, LineCounter, parseAllDocuments } from "yaml";
import { z } from "zod";
import { didYouMean, nearest } from "../terminal/nearest.ts";

export interface ManifestProblem {
  /** `spec.training.learningRate`; empty for the document itself. */
  readonly field: string;
  readonly reason: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

/** An invalid manifest. Exit code 20. */
export class ManifestError extends Error {
  readonly problems: readonly ManifestProblem[];

  constructor(file: string, text: string, problems: readonly ManifestProblem[]) {
    super(problems.map((problem) => problemText(file, text, problem)).join("\n"));
    this.problems = problems;
  }
}

function problemText(file: string, text: string, { field, reason, line, column }: ManifestProblem): string {
  const source = text.split("\n")[line - 1] ?? "";
  return [
    `${file}:${line}:${column}: ${field === "" ? "" : `${field}: `}${reason}`,
    `  ${source}`,
    `  ${" ".repeat(column - 1)}^`,
  ].join("\n");
}

/** Parses the only document of `kind` in `text` by its schema. Throws `ManifestError`. */
export function readManifest<Schema extends z.ZodType>(
  file: string,
  text: string,
  kind: string,
  schema: Schema,
): z.infer<Schema> {
  const lines = new LineCounter();
  const refuse = (problems: readonly ManifestProblem[]): never => {
    throw new ManifestError(file, text, problems);
  };
  const problemAt = (offset: number, field: string, reason: string): ManifestProblem => {
    const { line, col } = lines.linePos(offset);
    return { field, reason, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const documents = [...parseAllDocuments(text, { lineCounter: lines })];
  const faults = documents.flatMap((document) => document.errors);
  if (faults.length > 0) refuse(faults.map((fault) => problemAt(fault.pos[0], "", firstLine(fault.message))));
  const ofKind = documents.filter((document) => document.get("kind") === kind);
  const [document] = ofKind;
  if (document === undefined || ofKind.length > 1) {
    const held = documents.filter(({ contents }) => contents !== null);
    const at = (one: Document) => offsetOf(one, ["kind"]);
    const found = held.map((one) => ({
      kind: String(one.get("kind") ?? "no kind"),
      line: lines.linePos(at(one)).line,
    }));
    const meant = ofKind[1] ?? held.find((one) => nearest(String(one.get("kind")), [kind])) ?? held[0];
    return refuse([problemAt(meant === undefined ? 0 : at(meant), "kind", kindReason(kind, found))]);
  }
  const parsed = schema.safeParse(document.toJS());
  if (parsed.success) return parsed.data;
  return refuse(
    firstOfEachField(parsed.error.issues.flatMap((issue) => problemsOf(issue, schema))).map(({ path, field, reason }) =>
      problemAt(offsetOf(document, path), field, reason),
    ),
  );
}

function kindReason(kind: string, found: readonly { kind: string; line: number }[]): string {
  const there = found.map((one) => `${one.kind} (line ${one.line})`).join(", ");
  const meant = found.some((one) => one.kind !== kind && nearest(one.kind, [kind])) ? ` (did you mean ${kind}?)` : "";
  return `the file must hold exactly one ${kind}, and holds ${there === "" ? "nothing" : there}${meant}`;
}

interface Finding {
  /** The node of the YAML that an error points to. */
  readonly path: readonly PropertyKey[];
  readonly field: string;
  readonly reason: string;
}

/** Keeps the first error of each field, because a value that breaks one rule often breaks the next one too. */
function firstOfEachField(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.toReversed().map((finding) => [finding.field, finding])).values()].toReversed();
}

function problemsOf(issue: z.core.$ZodIssue, schema: z.ZodType): Finding[] {
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(schema, issue.path);
    return issue.keys.map((key) => ({
      path: [...issue.path, key],
      field: fieldName([...issue.path, key]),
      reason: `no such field${didYouMean(key, known)}; fields here: ${known.join(", ")}`,
    }));
  }
  return [{ path: issue.path, field: fieldName(issue.path), reason: reasonOf(issue) }];
}

function reasonOf(issue: z.core.$ZodIssue): string {
  if (issue.code !== "invalid_type") return issue.message;
  if (/received undefined/.test(issue.message)) return `is missing (expected: ${issue.expected})`;
  if (issue.expected === "string" && /received number/.test(issue.message)) {
    return `${issue.message}: write a decimal in quotes`;
  }
  return issue.message;
}

/** Names of the fields at `path`, read from the schema's own JSON Schema. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  const shape = z.object({ properties: z.record(z.string(), z.unknown()) });
  let at: unknown = z.toJSONSchema(schema, { unrepresentable: "any", io: "input" });
  for (const part of path) {
    const step = typeof part === "number" ? z.object({ items: z.unknown() }).safeParse(at) : shape.safeParse(at);
    if (!step.success) return [];
    at = "items" in step.data ? step.data.items : step.data.properties[String(part)];
  }
  const found = shape.safeParse(at);
  return found.success ? Object.keys(found.data.properties) : [];
}

export function fieldName(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`))
    .join("")
    .replace(/^\./, "");
}

/** The position of the value at `path`; for a missing field, that of its nearest existing parent. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let length = path.length; length >= 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return document.range?.[0] ?? 0;
}

const firstLine = (text: string) => text.split("\n")[0]?.replace(/ at line \d+, column \d+:?$/, "") ?? text;
