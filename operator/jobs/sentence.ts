/** Others' words, and ours after them. Pure. */
import { cut, longest } from "../api/common.ts";

/** With a full stop, so that more may follow. */
export function sentence(words: string): string {
  return words === "" || /[.!?]$/.test(words) ? words : `${words}.`;
}

/** Words, and what a person can do about them. Where there is no room for both, it is not the way out that is cut off. */
export function withWayOut(words: string, wayOut: string, room: number = longest.message): string {
  return `${sentence(cut(words, room - wayOut.length - 2))} ${wayOut}`;
}
