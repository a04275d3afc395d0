/**
 * How texts are split before they are merged, and how bytes become texts, as the tokenizers library does it where
 * @huggingface/tokenizers does not: all behaviours of Split, digits and white space of all scripts, Metaspace that splits,
 * a byte-order mark that is kept. The stages of a tokenizer of theirs get these ways; the goldens of
 * test/golden/chatTokenizers.test.ts hold them to the tokenizers library.
 */
import {
  ByteFallbackDecoder,
  ByteLevelPreTokenizer,
  type Decoder,
  DigitsPreTokenizer,
  MetaspacePreTokenizer,
  type PreTokenizer,
  SequenceDecoder,
  SequencePreTokenizer,
  SplitPreTokenizer,
} from "@huggingface/tokenizers";

/** A stretch of a text, and whether the pattern matched it. */
interface Stretch {
  start: number;
  end: number;
  matched: boolean;
}

/** Gives the stages of a tokenizer their ways of splitting. `written`: what tokenizer.json says of the stage. */
export function mendStages(stage: PreTokenizer | null, written: unknown): void {
  if (stage instanceof SequencePreTokenizer) {
    for (const [index, part] of stage.tokenizers.entries()) mendStages(part, Object(written).pretokenizers[index]);
  } else if (stage instanceof SplitPreTokenizer && stage.pattern !== null) {
    const { pattern, config } = stage;
    stage.pre_tokenize_text = (text) => splitBy(text, pattern, config.behavior ?? "Isolated", config.invert === true);
  } else if (stage instanceof ByteLevelPreTokenizer) {
    stage.pattern = readPattern(stage.pattern.source);
  } else if (stage instanceof DigitsPreTokenizer) {
    const behavior = stage.config.individual_digits ? "Isolated" : "Contiguous";
    stage.pre_tokenize_text = (text) => splitBy(text, /\p{N}/gu, behavior, false);
  } else if (stage instanceof MetaspacePreTokenizer && Object(written).split !== false) {
    const whole = stage.pre_tokenize_text.bind(stage);
    const space = new RegExp(RegExp.escape(stage.replacement), "gu");
    stage.pre_tokenize_text = (text, options) =>
      whole(text, options).flatMap((marked) => splitBy(marked, space, "MergedWithNext", false));
  }
}

/** With the white space of Unicode, which is not JavaScript's: a byte-order mark is none. */
function readPattern(written: string): RegExp {
  const { pattern } = new SplitPreTokenizer({ pattern: { Regex: written }, behavior: "Isolated" });
  if (pattern === null) throw new Error(`${written}: is no pattern`);
  return pattern;
}

/** Gives the parts of a decoder their way from bytes to a text. */
export function mendDecoder(decoder: Decoder | null): void {
  if (decoder instanceof SequenceDecoder) for (const part of decoder.decoders) mendDecoder(part);
  if (decoder instanceof ByteFallbackDecoder) decoder.text_decoder = { decode: textOfBytes };
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes that are no UTF-8 are so many replacement characters. */
function textOfBytes(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return "\ufffd".repeat(bytes.length);
  }
}

/** The parts of a text, none of them empty. */
export function splitBy(text: string, pattern: RegExp, behavior: string, invert: boolean): string[] {
  const stretches = stretchesOf(text, pattern).map((one) => ({ ...one, matched: one.matched !== invert }));
  return merged(stretches, behavior)
    .map(({ start, end }) => text.slice(start, end))
    .filter((part) => part !== "");
}

/** Matches and what lies between, without gaps. */
function stretchesOf(text: string, pattern: RegExp): Stretch[] {
  const stretches: Stretch[] = [];
  let done = 0;
  for (const { 0: found, index } of text.matchAll(pattern)) {
    if (index > done) stretches.push({ start: done, end: index, matched: false });
    done = index + found.length;
    stretches.push({ start: index, end: done, matched: true });
  }
  if (done < text.length) stretches.push({ start: done, end: text.length, matched: false });
  return stretches;
}

function merged(stretches: readonly Stretch[], behavior: string): Stretch[] {
  switch (behavior) {
    case "Removed":
      return stretches.filter(({ matched }) => !matched);
    case "Contiguous":
      return joined(stretches, (one, before) => one.matched === before.matched);
    case "MergedWithPrevious":
      return joined(stretches, (one, before) => one.matched && !before.matched);
    case "MergedWithNext":
      return joined(stretches, (one, before) => before.matched && !one.matched);
    default:
      return [...stretches];
  }
}

/** Stretches that are one with the stretch before them. */
function joined(stretches: readonly Stretch[], isOne: (one: Stretch, before: Stretch) => boolean): Stretch[] {
  const found: Stretch[] = [];
  for (const [index, one] of stretches.entries()) {
    const before = stretches[index - 1];
    const last = found.at(-1);
    if (before && last && isOne(one, before)) last.end = one.end;
    else found.push({ ...one });
  }
  return found;
}
