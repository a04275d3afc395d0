// Pushes a built image to a registry, with the same last part of its name and the same tag.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Image } from "./build.ts";
import { buildahIn } from "./buildah.ts";

/** The image's name in the registry. Credentials are those of `buildah login`. */
export async function pushImage(image: Image, prefix: string): Promise<string> {
  const name = nameIn(prefix, image.name);
  const storage = mkdtempSync(path.join(tmpdir(), "luthier-push-"));
  try {
    const buildah = buildahIn(storage);
    const id = (await buildah("pull", `docker-archive:${image.archive}`)).trim().split("\n").at(-1) ?? "";
    await buildah("push", id, `docker://${name}`);
  } finally {
    rmSync(storage, { recursive: true });
  }
  return name;
}

/** "registry.example/team", "localhost/luthier-operator:ab" → "registry.example/team/luthier-operator:ab". */
export function nameIn(prefix: string, localName: string): string {
  return `${prefix.replace(/\/+$/, "")}/${localName.slice(localName.lastIndexOf("/") + 1)}`;
}
