/** A content digest, as every file, report and object writes it: `sha256:` and 64 hex digits. */
import { z } from "zod";

export const digest = z
  .string()
  .length(71)
  .regex(/^sha256:[0-9a-f]{64}$/);
