/** Types of the used parts of llama.cpp's prebuilt addon. */
declare module "@node-llama-cpp/linux-x64" {
  export function getBinsDir(): { readonly binsDir: string; readonly packageVersion: string };
}
