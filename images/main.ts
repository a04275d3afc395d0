// Builds the images from the command line: node tools/node24.mjs images/main.ts [--base IMAGE] [--push REGISTRY/PREFIX]

import { optionOf } from "../terminal/arguments.ts";
import { helpOption, runScript } from "../terminal/script.ts";
import { formatProgress, type OnProgress } from "../tools/setup/progress.ts";
import { buildCudaKernels } from "../trainer/native/cuda/build.ts";
import { buildImages } from "./build.ts";
import { pushImage } from "./push.ts";

const usage = {
  command: "node tools/node24.mjs images/main.ts",
  positionals: [],
  summary:
    "Builds the images of operator and trainer (root); prints each name and its archive. Compiles the CUDA kernels first.",
  options: {
    base: { value: "IMAGE", help: "base image (default: made on this machine from its apt packages)" },
    push: { value: "REGISTRY/PREFIX", help: "also push the images there, and print their names in the registry" },
    help: helpOption,
  },
} as const;

await runScript(usage, async (args) => {
  const [base, push] = [optionOf(args, "base"), optionOf(args, "push")];
  const onProgress: OnProgress = (progress) => console.error(formatProgress(progress));
  await buildCudaKernels(onProgress);
  const images = await buildImages({
    onProgress,
    ...(base === undefined ? {} : { base }),
  });
  for (const image of [images.operator, images.trainer]) {
    console.log(push === undefined ? `${image.name}  ${image.archive}` : await pushImage(image, push));
  }
  return undefined;
});
