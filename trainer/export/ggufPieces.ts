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
  const groups: string[] = [];
  const listed = new Map<string, Set<number>>();
  for (const [first, second] of merges) {
    const piece = first + second;
    const cuts = listed.get(piece) ?? new Set();
    if (cuts.size === 0) groups.push(piece);
    else if (groups.at(-1) !== piece)
      throw refused(`the merges of tokenizer.json into ${JSON.stringify(piece)} do not follow each other`);
    listed.set(piece, cuts.add(first.length));
  }
  for (const piece of Object.keys(ids)) {
    if (cutsOf(piece, ids).length !== (listed.get(piece)?.size ?? 0))
      throw refused(`tokenizer.json merges ${JSON.stringify(piece)} from some of its parts, but llama.cpp from all`);
  }
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
