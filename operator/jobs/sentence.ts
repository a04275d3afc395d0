/** Another's words with a full stop, so that more may follow. Pure. */
export function sentence(words: string): string {
  return words === "" || /[.!?]$/.test(words) ? words : `${words}.`;
}
