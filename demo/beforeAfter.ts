/** Asks the model before and after the training about a few held-out e-mails, and shows the correct answers beside. */
import { readFileSync } from "node:fs";
import { z } from "zod";
import type { OpenSpeaker, SpeakerOptions } from "../cli/speaker.ts";
import { clip, table } from "../terminal/table.ts";

const example = z.object({
  messages: z.tuple([
    z.object({ role: z.literal("user"), content: z.string() }),
    z.object({ role: z.literal("assistant"), content: z.string() }),
  ]),
});

export interface Question {
  readonly prompt: string;
  readonly reference: string;
}

const perAnswer = 2;
export const speakerOptions: SpeakerOptions = { threads: 0, maxNewTokens: 8, temperature: 0, seed: 42 };

/** The first few held-out examples of each answer, in the file's order, without hand-picking. Pure. */
export function firstOfEach(jsonl: string, count = perAnswer): Question[] {
  const seen = new Map<string, number>();
  return jsonl
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => example.parse(JSON.parse(line)).messages)
    .map(([question, answer]) => ({ prompt: question.content, reference: answer.content }))
    .filter(({ reference }) => {
      seen.set(reference, (seen.get(reference) ?? 0) + 1);
      return (seen.get(reference) ?? 0) <= count;
    });
}

/** Asks both models; returns the lines of a table. */
export async function beforeAndAfter(
  testFile: string,
  before: () => Promise<OpenSpeaker>,
  after: () => Promise<OpenSpeaker>,
  signal: AbortSignal,
): Promise<string[]> {
  const questions = firstOfEach(readFileSync(testFile, "utf8"));
  const [untrained, trained] = [await answers(before, questions, signal), await answers(after, questions, signal)];
  const rows = questions.map(({ prompt, reference }, index) => [
    clip(subjectOf(prompt), 44),
    clip(oneLine(untrained[index] ?? ""), 24),
    clip(oneLine(trained[index] ?? ""), 12),
    reference,
  ]);
  return table([["held-out e-mail", "before", "after", "right"], ...rows]);
}

async function answers(
  open: () => Promise<OpenSpeaker>,
  questions: readonly Question[],
  signal: AbortSignal,
): Promise<string[]> {
  const speaker = await open();
  try {
    const answers: string[] = [];
    for (const { prompt } of questions) {
      let answer = "";
      for await (const piece of speaker.speak([{ role: "user", content: prompt }], signal)) answer += piece;
      answers.push(answer);
    }
    return answers;
  } finally {
    speaker.close();
  }
}

const subjectOf = (prompt: string) => /^Subject: (.*)$/m.exec(prompt)?.[1] ?? oneLine(prompt);
const oneLine = (text: string) => (text.trim() === "" ? "(nothing)" : text.trim().replace(/\s+/g, " "));
