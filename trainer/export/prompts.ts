/** The prompts that an export is verified with. */
import type { Codec } from "../data/encoding/codec.ts";
import { evaluationManifest, getManifest } from "../data/packed/manifests.ts";
import type { Objects } from "../stores/objects.ts";

const mostPrompts = 16;
const mostPromptTokens = 512;

/** Tokens of held-out prompts if there are any; else of a few fixed text beginnings. */
export async function verificationPrompts(
  objects: Objects,
  evaluationSetDigest: string | undefined,
  codec: () => Promise<Codec>,
): Promise<number[][]> {
  if (evaluationSetDigest !== undefined) {
    const { questions } = await getManifest(objects, evaluationSetDigest, evaluationManifest);
    return questions.slice(0, mostPrompts).map(({ prompt }) => prompt.slice(-mostPromptTokens));
  }
  const { tokenizer } = await codec();
  return await Promise.all(plainTexts.map((text) => tokenizer.encode(text)));
}

const plainTexts = [
  "The quick brown fox jumps over the lazy dog.",
  "In the beginning there was",
  "1, 2, 3, 4, 5,",
  "Question: what is the capital of France? Answer:",
  "function add(a, b) { return",
  "Dear Sir or Madam,",
  "Once upon a time, in a village by the sea, there lived",
  "To whom it may concern: the meeting is moved to",
];
