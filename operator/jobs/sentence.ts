/** Joins foreign messages with the operator's advice. Pure. */
import { cut, longest } from "../api/common.ts";

/** Ends the words with a full stop, so that a sentence may follow. */
export function sentence(words: string): string {
  return words === "" || /[.!?]$/.test(words) ? words : `${words}.`;
}

/** Appends the fix to a message. If both do not fit, it cuts the message and never the fix. */
export function withFix(words: string, fix: string, room: number = longest.message): string {
  return `${sentence(cut(words, room - fix.length - 2))} ${fix}`;
}
