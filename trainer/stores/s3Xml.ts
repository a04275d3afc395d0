/**
 * The few XML documents of S3 that are read and written. Pure. They are flat, and their values are text without markup: an
 * element is found by its name. (Keys are not asked for URL-encoded: stores disagree about what a `+` then means.)
 */

/** The text of the first element of a name; undefined when there is none. */
export function element(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}(?:\\s[^>]*)?>([^<]*)</${name}>`).exec(xml)?.[1];
  return text === undefined ? undefined : unescaped(text);
}

/** The inner XML of each element of a name. */
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

/** An error document; undefined when it is another one, or none. S3 sends some with status 200. */
export function errorOf(xml: string): S3Error | undefined {
  if (!/<Error(\s[^>]*)?>/.test(xml)) return undefined;
  return { code: element(xml, "Code") ?? "", message: element(xml, "Message") ?? "" };
}

export interface Part {
  etag: string;
  /** Base64 SHA-256 of its bytes; absent for a part that was copied by the server. */
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
