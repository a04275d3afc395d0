import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { errorText } from "./plainIssue.ts";

const schema = z.strictObject({
  a: z.string().max(2).optional(),
  b: z
    .array(z.tuple([z.string(), z.string()]))
    .min(1)
    .max(2)
    .optional(),
  c: z.enum(["x", "y"]).optional(),
  d: z.union([z.string(), z.array(z.string())]).optional(),
  e: z.number().positive().max(4).optional(),
  f: z.object({ g: z.boolean() }).optional(),
  h: z.int().optional(),
  i: z.literal(3).optional(),
  j: z
    .string()
    .refine(() => false, "is never right")
    .optional(),
});

const cases: [value: unknown, text: string][] = [
  [{ a: 1 }, "a: must be a text"],
  [{ a: "abc" }, "a: must have at most 2 characters"],
  [{ b: [["a", 1]] }, "b.0.1: must be a text"],
  [{ b: [] }, "b: is empty"],
  [{ c: "z" }, 'c: must be one of "x", "y"'],
  [{ d: 1 }, "d: must be a text, or a list"],
  [{ e: 0 }, "e: must be above 0"],
  [{ e: 5 }, "e: must be at most 4"],
  [{ e: "5" }, "e: must be a number"],
  [{ f: {} }, "f.g: is missing"],
  [{ h: 1.5 }, "h: must be an integer"],
  [{ i: 4 }, "i: must be 3"],
  [{ j: "" }, "j: is never right"],
  [{ k: 1 }, "has unknown fields: k"],
  [3, "must be an object"],
  [{ a: 1, c: 2 }, 'a: must be a text; c: must be one of "x", "y"'],
];
test("an error describes the fault of each field in plain words", () => {
  for (const [value, text] of cases) {
    const parsed = schema.safeParse(value);
    assert.equal(parsed.success ? "" : errorText(parsed.error), text);
  }
});
