/** Paths of the native build's outputs. */
import { fileURLToPath } from "node:url";

export const nativeRoot = fileURLToPath(new URL(".", import.meta.url));
export const buildDirectory = process.env.LUTHIER_NATIVE_BUILD ?? fileURLToPath(new URL("./build/", import.meta.url));
export const addonPath = `${buildDirectory}/luthier.node`;
export const executorPath = `${buildDirectory}/luthier-exec`;
export const ptxRunnerPath = `${buildDirectory}/luthier-ptx`;
/** The emulated CUDA driver: set LUTHIER_CUDA_DRIVER to it. */
export const emulatedDriverPath = `${buildDirectory}/luthier-emulated-cuda.so`;
