/**
 * Mutates tokenizer.json at random and loads it, for `fuzz.test.ts` of the tokenizer. A mutated file encodes a text, or gives a
 * failure that names it: no other error, no crash of the process, no long time.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { StageFailure } from "../contract/failure.ts";
import { RowError } from "../data/rows/example.ts";
import { Tokenizer } from "../data/tokenizer/tokenizer.ts";
import { inTime, mutated, random } from "./fuzzedFiles.ts";
import { tinyTokenizerJson } from "./tinyModel.ts";

const goldens = new URL("../../test/golden/data/chat/tokenizer-kinds.json", import.meta.url);
const kinds: { tokenizer: unknown }[] = JSON.parse(readFileSync(goldens, "utf8"));
const seeds = [tinyTokenizerJson(), ...kinds.map(({ tokenizer }) => tokenizer)].map((file) => JSON.stringify(file));

type Next = (below: number) => number;

const extremes: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e9,
  2 ** 53,
  "",
  "a",
  "\ud800",
  "\u0000",
  [],
  {},
  [[]],
  "(((((",
  "(a*)*b",
  "^",
  1e-320,
];

/** Some values replaced, removed, repeated or moved, anywhere in a JSON value. */
function mutatedJson(text: string, next: Next): string {
  const root: unknown[] = [JSON.parse(text)];
  for (let changes = 1 + next(3); changes > 0; changes--) {
    let [at, key]: [unknown, string | number] = [root, 0];
    // Descends a random path; half of the objects end it.
    for (let depth = 0; depth < 12; depth++) {
      const inner: unknown = Reflect.get(Object(at), key);
      const keys = typeof inner === "object" && inner !== null ? Object.keys(inner) : [];
      if (keys.length === 0 || (depth > 1 && next(3) === 0)) break;
      [at, key] = [inner, keys[next(keys.length)]!];
    }
    const holder = Object(at);
    switch (next(4)) {
      case 0:
        if (at !== root) Reflect.deleteProperty(holder, key);
        break;
      case 1:
        Reflect.set(holder, key, [Reflect.get(holder, key), structuredClone(Reflect.get(holder, key))]);
        break;
      default:
        Reflect.set(holder, key, structuredClone(extremes[next(extremes.length)]));
    }
  }
  return JSON.stringify(root[0]) ?? "";
}

/** The mutated file of a number. */
export function fuzzedTokenizer(number: number): string {
  const next = random(number);
  const seed = seeds[next(seeds.length)]!;
  return next(4) === 0 ? mutated(Buffer.from(seed), next).toString() : mutatedJson(seed, next);
}

/** Loads a file and encodes a text; throws where it breaks the promise. The result is "read" or the failure. */
export const readFuzzedTokenizer = (file: string): Promise<string> => inTime(() => outcome(file));

async function outcome(file: string): Promise<string> {
  try {
    const tokenizer = await Tokenizer.load({ tokenizer: file, config: JSON.stringify({ eos_token: "<|im_end|>" }) });
    tokenizer.display(await tokenizer.encode("The quick <|im_end|> fox, ünï 你好"));
    return "read";
  } catch (error) {
    if (error instanceof RowError) return error.message;
    if (!(error instanceof StageFailure)) throw error;
    assert.ok(error.message.includes("tokenizer.json"), error.message);
    return error.message;
  }
}
