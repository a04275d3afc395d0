/** Reads the evaluation set: held-out examples as questions with their reference answers. */
import { questionOf } from "../data/encode.ts";
import { RowError } from "../data/example.ts";
import type { EvaluationManifest } from "../data/manifests.ts";
import { invalid } from "../failure.ts";
import { type ReadOptions, RowReader } from "./readDataset.ts";

/** Throws a failure that names file, line and reason; a prompt has at most `maxTokens` tokens. */
export async function readQuestions(uri: string, maxTokens: number, options: ReadOptions): Promise<EvaluationManifest> {
  const reader = new RowReader(options);
  const questions: EvaluationManifest["questions"] = [];
  for await (const { example, source, line } of reader.rows([{ uri, format: "Auto" }])) {
    const question = reader.tolerating(source, line, () => {
      const { prompt, reference } = questionOf(example, options.codec);
      if (prompt.length === 0) throw new RowError("its prompt is empty");
      if (prompt.length <= maxTokens) return { prompt: [...prompt], reference, line };
      throw new RowError(
        `its prompt has ${prompt.length} tokens, at most ${maxTokens} fit (dataset.maxSequenceLength, the model's context)`,
      );
    });
    if (question) questions.push(question);
  }
  reader.finish();
  if (questions.length === 0) throw invalid("NoExamples", `${uri}: holds no example to evaluate`);
  return { kind: "evaluation", version: 1, questions };
}
