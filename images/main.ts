// The images from the command line: node tools/node24.mjs images/main.ts [--base IMAGE] [--push REGISTRY/PREFIX]

import { parseArgs } from "node:util";
import { formatProgress } from "../tools/setup/progress.ts";
import { buildImages } from "./build.ts";
import { pushImage } from "./push.ts";

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { base: { type: "string" }, push: { type: "string" } } });
  const images = await buildImages({
    onProgress: (progress) => console.error(formatProgress(progress)),
    ...(values.base === undefined ? {} : { base: values.base }),
  });
  for (const image of [images.operator, images.trainer]) {
    if (values.push === undefined) console.log(`${image.name}  ${image.archive}`);
    else console.log(await pushImage(image, values.push));
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
