/** The name of content, in every file, report and object: `sha256:` and 64 hex digits. */
import { z } from "zod";

export const digest = z
  .string()
  .length(71)
  .regex(/^sha256:[0-9a-f]{64}$/);
