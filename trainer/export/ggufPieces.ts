/**
 * BPE with byte fallback (Llama 2, Mistral, Gemma) as SentencePiece's pieces with scores. llama.cpp merges the two neighbours whose
 * union is the piece with the highest score; tokenizer.json merges by the order of its list. Both give the same tokens if every
 * split of a piece into two pieces is in the list, and the merges into one piece follow each other. Pure.
 */
import { isDeepStrictEqual } from "node:util";

export interface Vocabulary {
  readonly ids: Readonly<Record<string, number>>;
  readonly merges: readonly (readonly [string, string])[];
}

interface Stages {
  readonly normalizer?: unknown;
  readonly pre_tokenizer?: unknown;
  readonly added_tokens: readonly { readonly content: string }[];
}

/** A score by token, and whether a space is put before a text. */
export interface Pieces {
  readonly scores: ReadonlyMap<number, number>;
  readonly addsSpace: boolean;
}

const space = "▁";
const replace = { type: "Replace", pattern: { String: " " }, content: space };
const prepend = { type: "Prepend", prepend: space };

/** The stages with which llama.cpp encodes alike. */
const spaces: readonly { addsSpace: boolean; normalizer: unknown; preTokenizer: unknown }[] = [
  { addsSpace: true, normalizer: { type: "Sequence", normalizers: [prepend, replace] }, preTokenizer: null },
  { addsSpace: false, normalizer: replace, preTokenizer: null },
  {
    addsSpace: false,
    normalizer: replace,
    preTokenizer: { type: "Split", pattern: { String: " " }, behavior: "MergedWithPrevious", invert: false },
  },
];

/** Throws what `refused` makes of a reason. */
export function piecesOf(file: Stages, { ids, merges }: Vocabulary, refused: (why: string) => Error): Pieces {
  const given = { normalizer: file.normalizer ?? null, preTokenizer: file.pre_tokenizer ?? null };
  const found = spaces.find(({ normalizer, preTokenizer }) => isDeepStrictEqual({ normalizer, preTokenizer }, given));
  if (!found)
    throw refused("the normalizer and pre_tokenizer of tokenizer.json place spaces otherwise than llama.cpp does");
  const added = new Set(file.added_tokens.map(({ content }) => content));
  // Added tokens are found in a text before it is normalised and merged. Spaces become ▁ later.
  const isFound = (piece: string) => added.has(piece) && !piece.includes(space);
  const groups: string[] = [];
  // Gemma's list begins with the runs of a character, all splits of the longest first.
  let onlyRuns = true;
  const listed = new Map<string, Set<number>>();
  for (const [first, second] of merges) {
    const piece = first + second;
    if (isFound(piece)) continue;
    const cuts = listed.get(piece) ?? new Set();
    onlyRuns &&= /^(.)\1*$/u.test(piece);
    if (cuts.size === 0) groups.push(piece);
    else if (groups.at(-1) !== piece && !(onlyRuns && isSpaces(piece)))
      throw refused(`the merges of tokenizer.json into ${JSON.stringify(piece)} do not follow each other`);
    listed.set(piece, cuts.add(first.length));
  }
  for (const piece of Object.keys(ids)) {
    if (isFound(piece)) continue;
    if (cutsOf(piece, ids).length !== (listed.get(piece)?.size ?? 0))
      throw refused(`tokenizer.json merges ${JSON.stringify(piece)} from some of its parts, but llama.cpp from all`);
  }
  requireRuns(groups.filter(isSpaces), merges, refused);
  const scores = new Map(groups.map((piece, rank) => [ids[piece]!, -rank - 1]));
  return { scores, addsSpace: found.addsSpace };
}

/** Where a piece can be cut into two pieces. */
function cutsOf(piece: string, ids: Readonly<Record<string, number>>): number[] {
  const cuts: number[] = [];
  for (let cut = 1; cut < piece.length; cut++) {
    if (Object.hasOwn(ids, piece.slice(0, cut)) && Object.hasOwn(ids, piece.slice(cut))) cuts.push(cut);
  }
  return cuts;
}

const isSpaces = (piece: string) => /^▁+$/.test(piece);

/** Runs of spaces of every length must become the same pieces by the list and by the scores. `ranked`: the best first. */
function requireRuns(ranked: readonly string[], merges: Vocabulary["merges"], refused: (why: string) => Error): void {
  const byScore = new Map(ranked.map((piece, rank) => [piece.length, rank]));
  const pairs = merges.filter(([first, second]) => isSpaces(first + second));
  const byList = new Map(pairs.map(([first, second], rank) => [`${first.length},${second.length}`, rank]));
  const longest = ranked.reduce((found, { length }) => Math.max(found, length), 0);
  for (let length = 2; length <= 2 * longest + 2; length++) {
    const scored = merged(length, (first, second) => byScore.get(first + second));
    const listed = merged(length, (first, second) => byList.get(`${first},${second}`));
    if (!isDeepStrictEqual(scored, listed))
      throw refused(`llama.cpp merges ${length} spaces otherwise than tokenizer.json`);
  }
}

/** The lengths of the pieces of a run: the pair with the least rank is merged first, from the left. */
function merged(length: number, rankOf: (first: number, second: number) => number | undefined): number[] {
  const pieces = Array<number>(length).fill(1);
  for (;;) {
    let [best, at] = [Number.POSITIVE_INFINITY, -1];
    for (let index = 0; index + 1 < pieces.length; index++) {
      const rank = rankOf(pieces[index]!, pieces[index + 1]!) ?? Number.POSITIVE_INFINITY;
      if (rank < best) [best, at] = [rank, index];
    }
    if (at < 0) return pieces;
    pieces.splice(at, 2, pieces[at]! + pieces[at + 1]!);
  }
}
