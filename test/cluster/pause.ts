// Builds the image of the pod sandbox: the static program of programs/pause, packed by buildah, kept in the cache.

import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { buildahIn } from "../../images/buildah.ts";
import { cached } from "../../tools/setup/cache.ts";
import { PAUSE_IMAGE } from "./configuration.ts";

const CONTAINERFILE = 'FROM scratch\nCOPY pause /pause\nUSER 65535:65535\nENTRYPOINT ["/pause"]\n';

/** Path of an archive with PAUSE_IMAGE. */
export async function pauseImage(programs: string): Promise<string> {
  const entry = await cached("pause-image", path.basename(programs), async (work) => {
    const context = path.join(work, "context");
    const storage = path.join(work, "storage");
    const buildah = buildahIn(storage);
    mkdirSync(context);
    copyFileSync(path.join(programs, "pause"), path.join(context, "pause"));
    writeFileSync(path.join(context, "Containerfile"), CONTAINERFILE);
    await buildah("build", "--tag", PAUSE_IMAGE, context);
    await buildah("push", PAUSE_IMAGE, `docker-archive:${path.join(work, "pause.tar")}:${PAUSE_IMAGE}`);
    for (const directory of [context, storage]) rmSync(directory, { recursive: true });
  });
  return path.join(entry, "pause.tar");
}
