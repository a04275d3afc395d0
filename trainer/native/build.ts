/**
 * Builds the native part with CMake: `luthier.node` and `luthier-exec` (their paths are in paths.ts).
 *
 * A build is skipped when the digest of all inputs (sources, compiler, flags) equals the last build's. `nativeIsBuilt`
 * checks only the sources and needs no compiler. With `--sanitize` it builds both with AddressSanitizer and
 * UndefinedBehaviorSanitizer, in a separate directory.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { buildDirectory, nativeRoot } from "./paths.ts";

interface Variant {
  directory: string;
  cmakeFlags: string[];
  outputs: string[];
}

const variants: Record<"release" | "sanitize", Variant> = {
  release: {
    directory: buildDirectory,
    cmakeFlags: [],
    outputs: ["luthier.node", "luthier-exec", "luthier-ptx", "luthier-emulated-cuda.so"],
  },
  sanitize: {
    directory: join(buildDirectory, "sanitize"),
    cmakeFlags: ["-DLUTHIER_SANITIZE=ON"],
    outputs: ["luthier.node", "luthier-exec", "luthier-emulated-cuda.so"],
  },
};

/** Where node-addon-api and node-api-headers are installed. */
function nodeModules(): string {
  const require = createRequire(import.meta.url);
  return dirname(dirname(require.resolve("node-addon-api/package.json")));
}

function toolVersion(command: string, aptPackage: string): string {
  const result = spawnSync(command, ["--version"], { encoding: "utf8" });
  if (result.status === 0) return result.stdout;
  throw new Error(`${command} was not found, and the native build needs it: \`apt-get install ${aptPackage}\``);
}

function compiler(): string {
  return process.env.CXX || "g++";
}

/** Throws unless the compiler knows C++20 and the instruction sets of the kernels. */
function checkCompiler(): string {
  const version = toolVersion(compiler(), "g++");
  const flags = ["-std=c++20", "-march=x86-64-v4", "-mavx512bf16", "-x", "c++", "-fsyntax-only", "-"];
  const probe = spawnSync(compiler(), flags, { input: "#include <span>\nint main() {}\n", encoding: "utf8" });
  if (probe.status === 0) return version;
  throw new Error(
    `${compiler()} cannot compile C++20 for x86-64-v4: install g++ 12 or newer (\`apt-get install g++\`) or set CXX\n` +
      probe.stderr,
  );
}

function inputFiles(): string[] {
  const native = globSync("{CMakeLists.txt,{addon,exec,runtime,generated,cpu,cuda,ptx}/**/*}", { cwd: nativeRoot });
  const ops = globSync("*/*.{h,cc}", { cwd: join(nativeRoot, "../ops") }).map((path) => join("../ops", path));
  return [...native, ...ops].filter((path) => /\.(h|cc|txt|cmake)$/.test(path)).sort();
}

function digestOf(toolchain: string[]): string {
  const hash = createHash("sha256");
  for (const text of toolchain) hash.update(text).update("\0");
  for (const path of inputFiles())
    hash
      .update(path)
      .update("\0")
      .update(readFileSync(join(nativeRoot, path)));
  return hash.digest("hex");
}

function run(command: string, args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: "inherit" });
    child.on("error", reject);
    child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`${command} ${args[0]} failed (${code})`))));
  });
}

/** CMake refuses a build directory that it configured for another path, as in a checkout that was copied or moved. */
function forgetOtherSources(directory: string): void {
  const cache = join(directory, "CMakeCache.txt");
  if (
    !existsSync(cache) ||
    readFileSync(cache, "utf8").includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${resolve(nativeRoot)}\n`)
  )
    return;
  rmSync(cache);
  rmSync(join(directory, "CMakeFiles"), { recursive: true, force: true });
}

/** True if the existing build matches the sources; a build that LUTHIER_NATIVE_BUILD names only needs to exist. */
export function nativeIsBuilt(): boolean {
  const { directory, outputs } = variants.release;
  const stamp = join(directory, sourcesStamp);
  const present = outputs.every((output) => existsSync(join(directory, output)));
  if (process.env.LUTHIER_NATIVE_BUILD !== undefined) return present;
  return present && existsSync(stamp) && readFileSync(stamp, "utf8") === digestOf([]);
}

const sourcesStamp = "sources.sha256";

/**
 * Builds outdated outputs; resolves to true if it built any. A directory that LUTHIER_NATIVE_BUILD names is used
 * unchecked.
 */
export async function buildNative(name: "release" | "sanitize" = "release"): Promise<boolean> {
  if (process.env.LUTHIER_NATIVE_BUILD !== undefined) return false;
  const variant = variants[name];
  const toolchain = [checkCompiler(), toolVersion("cmake", "cmake"), toolVersion("ninja", "ninja-build")];
  const digest = digestOf([...toolchain, ...variant.cmakeFlags]);
  const stamp = join(variant.directory, "inputs.sha256");
  const present = variant.outputs.every((output) => existsSync(join(variant.directory, output)));
  const current = present && existsSync(stamp) && readFileSync(stamp, "utf8") === digest;
  const sources = join(variant.directory, sourcesStamp);
  if (!current) {
    // An interrupted build must not leave a stamp, since its outputs are incomplete.
    for (const file of [stamp, sources]) rmSync(file, { force: true });
    await compile(variant);
    writeFileSync(stamp, digest);
  }
  if (!current || !existsSync(sources)) writeFileSync(sources, digestOf([]));
  return !current;
}

async function compile({ directory, cmakeFlags }: Variant): Promise<void> {
  mkdirSync(directory, { recursive: true });
  forgetOtherSources(directory);
  await run("cmake", [
    ...["-S", nativeRoot, "-B", directory, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "--log-level=NOTICE"],
    ...[`-DLUTHIER_NODE_MODULES=${nodeModules()}`, `-DCMAKE_CXX_COMPILER=${compiler()}`, ...cmakeFlags],
  ]);
  await run("cmake", ["--build", directory]);
}

if (import.meta.main) {
  try {
    const built = await buildNative(process.argv.includes("--sanitize") ? "sanitize" : "release");
    console.log(built ? "native build: done" : "native build: up to date");
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
