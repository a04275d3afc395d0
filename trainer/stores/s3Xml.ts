/**
 * Reads and writes the few XML documents of S3. Pure. They are flat and their values contain no markup, so elements are
 * found by name. (Keys are not requested URL-encoded, because stores disagree about the meaning of `+` then.)
 */

/** The text of the first element with a name; undefined when it is missing. */
export function element(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}(?:\\s[^>]*)?>([^<]*)</${name}>`).exec(xml)?.[1];
  return text === undefined ? undefined : unescaped(text);
}

/** The inner XML of each element with a name. */
export const elements = (xml: string, name: string): string[] =>
  [...xml.matchAll(new RegExp(`<${name}>([\\s\\S]*?)</${name}>`, "g"))].map((match) => match[1] ?? "");

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

const unescaped = (text: string) =>
  text.replaceAll(/&(?:#(\d+)|#x([0-9a-fA-F]+)|(\w+));/g, (all, decimal, hex, name) => {
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    return entities[name] ?? all;
  });

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

export interface S3Error {
  code: string;
  message: string;
}

/** Parses an error document; undefined for any other text. S3 sends some errors with status 200. */
export function errorOf(xml: string): S3Error | undefined {
  if (!/<Error(\s[^>]*)?>/.test(xml)) return undefined;
  return { code: element(xml, "Code") ?? "", message: element(xml, "Message") ?? "" };
}

export interface Part {
  etag: string;
  /** Base64 SHA-256 of its bytes; absent for a part that the store copied. */
  sha256?: string;
}

export function completion(parts: readonly Part[]): string {
  const items = parts.map(({ etag, sha256 }, index) => {
    const checksum = sha256 === undefined ? "" : `<ChecksumSHA256>${sha256}</ChecksumSHA256>`;
    return `<Part><PartNumber>${index + 1}</PartNumber><ETag>${escaped(etag)}</ETag>${checksum}</Part>`;
  });
  const namespace = "http://s3.amazonaws.com/doc/2006-03-01/";
  return `<CompleteMultipartUpload xmlns="${namespace}">${items.join("")}</CompleteMultipartUpload>`;
}
