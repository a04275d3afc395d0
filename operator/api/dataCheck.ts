/**
 * spec.dataCheck: when the operator looks whether the data moved. A schedule has the five fields of cron, as a CronJob's. The
 * API server checks their form and bounds; whether a range is ascending and a day exists, the operator.
 */
import { Cron } from "croner";
import { z } from "zod";
import { ruled } from "../../trainer/contract/rules.ts";
import { count, longest, text, time } from "./common.ts";

/** A list of values, ranges and steps. */
function field(value: string): string {
  const part = `([*]|(${value})(-(${value}))?)(/[1-9][0-9]?)?`;
  return `${part}(,${part})*`;
}

const cron = `^${[
  field("[0-5]?[0-9]"),
  field("[01]?[0-9]|2[0-3]"),
  field("0?[1-9]|[12][0-9]|3[01]"),
  field("0?[1-9]|1[0-2]|[A-Za-z]{3}"),
  field("[0-7]|[A-Za-z]{3}"),
].join(" ")}$`;

const zone = "^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$";

/** The times of a schedule, which may be past or future. Throws for one that is invalid. */
export const timesOf = ({ schedule, timeZone = "UTC" }: DataCheckLike): Cron =>
  new Cron(schedule, { timezone: timeZone, mode: "5-part", paused: true });

interface DataCheckLike {
  schedule: string;
  timeZone?: string | undefined;
}

function isSchedule(schedule: string): boolean {
  try {
    return new RegExp(cron).test(schedule) && timesOf({ schedule }).nextRun() !== null;
  } catch {
    return false;
  }
}

function isTimeZone(timeZone: string): boolean {
  try {
    return new RegExp(zone).test(timeZone) && new Intl.DateTimeFormat("en", { timeZone }) !== undefined;
  } catch {
    return false;
  }
}

export const dataCheck = z.strictObject({
  schedule: ruled(z.string().min(9).max(100), {
    cel: `self.matches('${cron}')`,
    holds: isSchedule,
    message:
      'must be a time of cron in five fields: minute, hour, day of the month, month and day of the week, such as "0 3 * * *"',
  }).meta({
    description:
      'When to look, in five fields of cron: minute, hour, day of the month, month, day of the week. "0 3 * * *" is every night at 3.',
  }),
  timeZone: ruled(z.string().min(1).max(64), {
    cel: `self.matches('${zone}')`,
    holds: isTimeZone,
    message: "must be a time zone of the IANA database, such as Europe/Paris",
  })
    .optional()
    .meta({
      description:
        "Time zone of the schedule. A time that a change of the clock skips is the first one after it; one that occurs twice counts once, unless the schedule repeats within hours. Default UTC.",
    }),
});
export type DataCheck = z.infer<typeof dataCheck>;

export const dataCheckStatus = z.object({
  scheduledAt: time.meta({
    description: "The scheduled time that was handled last; earlier missed ones count as one.",
  }),
  checkedAt: time.optional().meta({ description: "When the data were compared last." }),
  outcome: z.enum(["Unchanged", "Changed", "ReadAgain", "Failed"]).meta({
    description: "Result of the last check. ReadAgain: the inputs could not be read before, and are read again.",
  }),
  reason: text(longest.reason).optional(),
  message: text(longest.message).optional(),
  pending: time.optional().meta({
    description: "The scheduled time of the check after which the inputs are read again; absent once they are.",
  }),
  lastChange: z
    .object({
      foundAt: time.meta({ description: "When a check found the change." }),
      added: count.optional().meta({ description: "Files that are new." }),
      removed: count.optional().meta({ description: "Files that are gone." }),
      modified: count.optional().meta({ description: "Files of another size or version." }),
      files: count.meta({ description: "Files of the data and of the test set." }),
      bytesBefore: count.optional().meta({ description: "Their bytes when they were read before." }),
      bytes: count.meta({ description: "Their bytes." }),
      examplesBefore: count.optional().meta({ description: "Examples of the data that were read before." }),
      examples: count.optional().meta({ description: "Examples of the data, once they are read." }),
    })
    .optional()
    .meta({ description: "What the last check that found a change found." }),
});
export type DataCheckStatus = z.infer<typeof dataCheckStatus>;
