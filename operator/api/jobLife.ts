/** Time limit, retries and retention of batch Jobs: settings that all three kinds pass to their Jobs. */
import { z } from "zod";
import { setting } from "../../trainer/contract/setting.ts";

export const ttlTable = {
  ttlSecondsAfterFinished: setting(z.int().min(60).max(31_536_000), {
    description: "How many seconds finished batch Jobs and their logs are kept.",
    default: 604_800,
    defaultText: "Default 604800 (a week).",
  }),
};

export const jobLifeTable = {
  activeDeadlineSeconds: setting(z.int().min(1).max(31_536_000), {
    description:
      "Limit of the total time of all attempts. An attempt lasts from its start to its end, so waiting for a node, an image or a claim counts; the time between attempts, as while spec.suspend is set, does not. Default: no limit.",
  }),
  backoffLimit: setting(z.int().min(0).max(20), {
    description: "Crashes without a new checkpoint before the run counts as failed.",
    default: 3,
  }),
  ...ttlTable,
};
