/** Signatures of webhooks by the Standard Webhooks specification: HMAC-SHA256 of id, time and body. Pure. */
import { createHmac } from "node:crypto";

/** Bytes of a key, by the specification. */
const keyBytes = { least: 24, most: 64 };

/** Reads a key of the form `whsec_BASE64`; undefined if the text has another form, or the key another length. */
export function signingKey(text: string): Buffer | undefined {
  const [, encoded = ""] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text.trim()) ?? [];
  const key = Buffer.from(encoded, "base64");
  return key.length >= keyBytes.least && key.length <= keyBytes.most ? key : undefined;
}

/** The headers of a message; `at` is the time of this attempt. */
export function signedHeaders(key: Buffer, { id, body, at }: { id: string; body: string; at: Date }) {
  const seconds = Math.floor(at.getTime() / 1000);
  const signature = createHmac("sha256", key).update(`${id}.${seconds}.${body}`).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": `${seconds}`, "webhook-signature": `v1,${signature}` };
}
