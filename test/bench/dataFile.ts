/**
 * Writes realistic, reproducible conversations of a requested size: words of the demo's e-mails in random order, with one
 * invented word in a hundred, because real text always contains new words (about as many in the first hundred megabytes of
 * English).
 */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { z } from "zod";

const source = new URL("../../demo/data/train.jsonl", import.meta.url);

/** Writes JSON lines of two to six turns of about 400 characters each. */
export function writeConversations(file: string, bytes: number): void {
  const words = readRows(readFileSync(source, "utf8")).flatMap((text) => text.split(/(?<=\s)/));
  const random = generator(7);
  const handle = openSync(file, "w");
  try {
    for (let written = 0; written < bytes; ) {
      const lines = Array.from({ length: 500 }, () => `${JSON.stringify({ messages: turns(words, random) })}\n`).join(
        "",
      );
      written += writeSync(handle, lines);
    }
  } finally {
    closeSync(handle);
  }
}

const row = z.object({ messages: z.array(z.object({ content: z.string() })) });

const readRows = (text: string) =>
  text
    .trim()
    .split("\n")
    .flatMap((line) => row.parse(JSON.parse(line)).messages.map(({ content }) => content));

type Random = (limit: number) => number;

function turns(words: readonly string[], random: Random) {
  const count = 2 * (1 + random(3));
  return Array.from({ length: count }, (_, index) => ({
    role: index % 2 === 0 ? "user" : "assistant",
    content: Array.from({ length: 30 + random(80) }, () => word(words, random)).join(""),
  }));
}

function word(words: readonly string[], random: Random): string {
  if (random(100) >= 1) return words[random(words.length)]!;
  const letters = Array.from({ length: 4 + random(7) }, () => String.fromCharCode(97 + random(26)));
  return `${letters.join("")} `;
}

/** Numerical Recipes' linear congruential generator; only its high bits are random. */
function generator(seed: number): Random {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}
