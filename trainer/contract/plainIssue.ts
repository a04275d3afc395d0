/** Describes the fault of a value in plain words, in place of the schema library's own message. Pure. */
import type { z } from "zod";

type Issue = z.core.$ZodIssue;

/** The library's own messages; others are ours and stay as they are. */
const ownWords = /^(Invalid|Too (big|small)|Unrecognized)\b/;

const kinds: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "an integer",
  boolean: "true or false",
  array: "a list",
  tuple: "a list",
  object: "an object",
  record: "an object",
  null: "null",
};

/** Without the field's name, which stands before it: "must be a text". */
export function plainIssue(issue: Issue): string {
  if (!ownWords.test(issue.message)) return issue.message;
  switch (issue.code) {
    case "invalid_type": {
      const isMissing = /received undefined$/.test(issue.message);
      return isMissing ? "is missing" : `must be ${kinds[issue.expected] ?? `of the type ${issue.expected}`}`;
    }
    case "invalid_value": {
      const values = issue.values.map((value) => JSON.stringify(value) ?? String(value));
      return values.length === 1 ? `must be ${values[0]}` : `must be one of ${values.join(", ")}`;
    }
    case "too_big":
      return sizeOf(issue.origin, Number(issue.maximum), "most", issue.inclusive === false ? "below" : "at most");
    case "too_small":
      return sizeOf(issue.origin, Number(issue.minimum), "least", issue.inclusive === false ? "above" : "at least");
    case "unrecognized_keys":
      return `has unknown fields: ${issue.keys.join(", ")}`;
    case "invalid_union":
      return unionOf(issue.errors.flatMap((one) => one.slice(0, 1)));
    default:
      return "has an invalid form";
  }
}

/** Several forms are allowed, and the value has none of them. */
function unionOf(issues: readonly Issue[]): string {
  const types = issues.flatMap((issue) => (issue.code === "invalid_type" && issue.path.length === 0 ? [issue] : []));
  if (types.length < issues.length || types.length === 0) return "has an invalid form";
  return `must be ${[...new Set(types.map(({ expected }) => kinds[expected] ?? expected))].join(", or ")}`;
}

function sizeOf(origin: string, bound: number, end: "most" | "least", number: string): string {
  switch (origin) {
    case "string":
      return end === "least" && bound === 1 ? "is empty" : `must have at ${end} ${bound} characters`;
    case "array":
      return end === "least" && bound === 1 ? "is empty" : `must have at ${end} ${bound} elements`;
    default:
      return `must be ${number} ${bound}`;
  }
}

/** A field's path and what is wrong with it; `at` is the place of the whole value. */
export function issueText(issue: Issue, at = ""): string {
  const field = [...(at === "" ? [] : [at]), ...issue.path.map(String)].join(".");
  const text = plainIssue(issue);
  return field === "" ? text : `${field}: ${text}`;
}

/** The first issues of an error, on one line. */
export const errorText = (error: z.ZodError, at = ""): string =>
  error.issues
    .slice(0, 5)
    .map((issue) => issueText(issue, at))
    .join("; ");
