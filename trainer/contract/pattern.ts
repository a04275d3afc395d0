/**
 * Regular expressions of users, in the syntax of RE2: it has no backreferences and no look-around, and every match takes a
 * time that is linear in the text. The API server checks them with the same syntax (Go's).
 */
import { RE2JS } from "re2js";
import { messageOf } from "./failure.ts";

/** A predicate: does the pattern match somewhere in the text? Throws an error that says what is wrong with the pattern. */
export function matcherOf(pattern: string): (text: string) => boolean {
  const compiled = RE2JS.compile(pattern);
  return (text) => compiled.test(text);
}

/** The fault of a pattern; undefined if it is valid. */
export function patternFault(pattern: string): string | undefined {
  try {
    matcherOf(pattern);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
