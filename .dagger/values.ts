/** Writes the images of one release, by digest, into the chart's values. Pure; keeps comments. */
import { parseDocument } from "yaml";

export function pinImages(values: string, images: Readonly<Record<string, string>>): string {
  const document = parseDocument(values);
  for (const [name, reference] of Object.entries(images)) {
    for (const [key, value] of Object.entries(partsOf(reference))) document.setIn(["images", name, key], value);
  }
  return document.toString({ lineWidth: 0 });
}

/** "registry.example/team/luthier-operator:1.0@sha256:…" as values of the chart. Throws if the digest is missing. */
function partsOf(reference: string) {
  const match = /^([^/]+)\/([^@:]+)(?::([^@]+))?@(sha256:[0-9a-f]{64})$/.exec(reference);
  if (!match) throw new Error(`${reference} is not the name of a published image, with its digest`);
  const [, registry = "", repository = "", tag = "", digest = ""] = match;
  return { registry, repository, tag, digest };
}
