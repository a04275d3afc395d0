/** Lists the issues of a spec that its schema rejects, each after its field. Pure. */
import type { z } from "zod";

export function specIssue({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => `${["spec", ...path].join(".")}: ${message}`).join("; ");
}
