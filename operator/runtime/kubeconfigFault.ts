/**
 * Why a kubeconfig cannot be read, for messages: not in the words of its parser, which quote lines around the fault. A
 * kubeconfig holds keys and tokens.
 */
import { z } from "zod";

const fileError = z.object({ code: z.string(), message: z.string() });
/** As js-yaml marks where it stopped; lines count from 0. */
const yamlError = z.object({ mark: z.object({ line: z.int(), column: z.int() }) });

/** What is wrong, with the line of what is not YAML. */
export function kubeconfigFault(error: unknown): string {
  const file = fileError.safeParse(error);
  if (file.success) return file.data.message;
  if (error instanceof Error && /^[a-z]+\[\d+\](\.[a-z]+)+ is missing$/.test(error.message)) return error.message;
  const yaml = yamlError.safeParse(error);
  if (!yaml.success) return "it is not a kubeconfig: clusters, users and contexts by name";
  const { line, column } = yaml.data.mark;
  return `it is not YAML: line ${line + 1}, column ${column + 1}`;
}
