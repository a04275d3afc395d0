// The image of the pod sandbox: the one static program of programs/pause, packed by buildah, kept in the cache.

import path from "node:path";
import { buildah } from "../../images/buildah.ts";
import { cached } from "../../tools/setup/cache.ts";
import { PAUSE_IMAGE } from "./configuration.ts";

/** Path of an archive that holds PAUSE_IMAGE. */
export async function pauseImage(programDirectory: string): Promise<string> {
  const entry = await cached("pause-image", path.basename(programDirectory), async (work) => {
    const container = (await buildah(["from", "scratch"])).trim();
    try {
      await buildah(["copy", container, path.join(programDirectory, "pause"), "/pause"]);
      await buildah(["config", "--entrypoint", '["/pause"]', "--user", "65535:65535", container]);
      await buildah(["commit", container, `docker-archive:${path.join(work, "pause.tar")}:${PAUSE_IMAGE}`]);
    } finally {
      await buildah(["rm", container]);
    }
  });
  return path.join(entry, "pause.tar");
}
