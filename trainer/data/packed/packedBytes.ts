/** The size of a packed data set as an object (packedDataset.ts), from its counts. Pure. */

export interface PackedCounts {
  readonly rows: number;
  readonly examples: number;
  readonly tokens: number;
  /** Whether the examples are answers of preferences. */
  readonly hasRoles?: boolean;
}

export const headerWords = 16;
/** Each section begins at a multiple of this many bytes. */
const sectionBytes = 64;

export const alignedSection = (bytes: number): number => Math.ceil(bytes / sectionBytes) * sectionBytes;

/** The object of a data set with these counts, to the byte. */
export function packedBytes({ rows, examples, tokens, hasRoles = false }: PackedCounts): number {
  const words = [headerWords, rows + 1, examples + 1, examples, examples, examples, tokens];
  const flags = alignedSection(tokens) + (hasRoles ? alignedSection(examples) : 0);
  return words.reduce((sum, count) => sum + alignedSection(4 * count), flags);
}
