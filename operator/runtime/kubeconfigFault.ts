/**
 * Explains why a kubeconfig is invalid, without the parser's message, which quotes lines around the fault: a kubeconfig
 * holds keys and tokens.
 */
import { z } from "zod";

const fileError = z.object({ code: z.string(), message: z.string() });
/** The position where js-yaml stopped; lines count from 0. */
const yamlError = z.object({ mark: z.object({ line: z.int(), column: z.int() }) });

/** The fault, with its line if the file is not YAML. */
export function kubeconfigFault(error: unknown): string {
  const file = fileError.safeParse(error);
  if (file.success) return file.data.message;
  if (error instanceof Error && /^[a-z]+\[\d+\](\.[a-z]+)+ is missing$/.test(error.message)) return error.message;
  const yaml = yamlError.safeParse(error);
  if (!yaml.success) return "it is not a kubeconfig: clusters, users and contexts by name";
  const { line, column } = yaml.data.mark;
  return `it is not YAML: line ${line + 1}, column ${column + 1}`;
}
