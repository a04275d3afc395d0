/** A number that `JSON.stringify` writes with exactly these characters: 2.0, or an integer beyond 2⁵³. */

declare global {
  interface JSON {
    rawJSON(text: string): object;
  }
}

export const rawNumber = (text: string): object => JSON.rawJSON(text);
