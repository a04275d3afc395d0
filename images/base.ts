// Makes the images' base on this machine from the packages of its own distribution. It needs no image registry, and programs
// that the machine compiles run in it, because the C library is the same. It has no shell, no package manager and no
// certificates, because Node brings its own (NODE_EXTRA_CA_CERTS adds to them).

import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { run } from "../terminal/runProgram.ts";
import { cached, recipeDigest } from "../tools/setup/cache.ts";
import type { OnProgress } from "../tools/setup/progress.ts";

export const PACKAGES = ["base-files", "libc6", "libgcc-s1", "libstdc++6", "tini"];
export const USER_ID = 65532;

/** Files that no program reads at run time. */
const UNNEEDED = [
  ...["dev", "etc/apt", "etc/hostname", "etc/resolv.conf", "tmp", "usr/bin/mawk", "usr/bin/tini-static"],
  ...["usr/lib/x86_64-linux-gnu/gconv", "var/cache", "var/lib/apt", "var/log"],
  ...["doc", "gcc", "info", "lintian", "locale", "man"].map((name) => `usr/share/${name}`),
];

/** The layout of all three releases, which not every base-files package creates. */
const MERGED_USR = 'for name in bin lib lib64 sbin; do mkdir -p "$1/usr/$name"; ln -s "usr/$name" "$1/$name"; done';

/** Path of a tar file with the base's root directory. */
export async function baseArchive(onProgress: OnProgress): Promise<string> {
  const entry = await cached("image-base", baseKey(), async (work) => {
    const codename = thisRelease();
    onProgress({ stage: "image base", message: `packages of ${codename}: ${PACKAGES.join(" ")}` });
    const root = path.join(work, "root");
    await extractPackages(codename, root);
    finish(root);
    // Checks that the loader finds the C library.
    await run("chroot", [root, "/usr/bin/tini", "--version"]);
    const options = ["--create", "--sort=name", "--numeric-owner", "--directory", root];
    await run("tar", [...options, "--file", path.join(work, "base.tar"), "."]);
    rmSync(root, { recursive: true });
  });
  return path.join(entry, "base.tar");
}

/** The base's key in the cache, derived from its content. */
export function baseKey(): string {
  return `${thisRelease()}-${recipeDigest([...PACKAGES, ...UNNEEDED, MERGED_USR, passwd()])}`;
}

const thisRelease = () => codenameOf(readFileSync("/etc/os-release", "utf8"));

/** From the text of /etc/os-release: bookworm, trixie, noble. */
export function codenameOf(osRelease: string): string {
  const codename = /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(osRelease)?.[1];
  if (codename === undefined)
    throw new Error("/etc/os-release has no VERSION_CODENAME: build the images on Debian or Ubuntu");
  return codename;
}

async function extractPackages(codename: string, root: string): Promise<void> {
  const settings = await run("apt-config", ["dump", "--format", '%F "%v";%n', "Acquire"]);
  await run(
    "mmdebstrap",
    [
      ...["--variant=extract", "--format=directory", `--include=${PACKAGES.join(",")}`, `--setup-hook=${MERGED_USR}`],
      ...[...environmentSettings(), ...downloadSettings(settings.stdout)].map((setting) => `--aptopt=${setting}`),
      ...[codename, root, "-"],
    ],
    { stdin: await machineSources() },
  );
}

/** apt's settings from outside its configuration: the certificates of tools/networkEnvironment.mjs, passwords of mirrors. */
function environmentSettings(env: NodeJS.ProcessEnv = process.env): string[] {
  const settings: [string, string | undefined][] = [
    ["Acquire::https::CAInfo", env.SSL_CERT_FILE],
    ["Dir::Etc::netrc", "/etc/apt/auth.conf"],
    ["Dir::Etc::netrcparts", "/etc/apt/auth.conf.d"],
  ];
  return settings.flatMap(([name, file]) => (file && existsSync(file) ? [`${name} "${file}";`] : []));
}

async function machineSources(): Promise<string> {
  const format = "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)";
  const ask = async () => (await run("apt-get", ["indextargets", "--format", format, "Created-By: Packages"])).stdout;
  const sources = sourcesList(await ask());
  if (sources !== "") return sources;
  // Without the lists of packages apt does not know the origin of the repositories.
  await run("apt-get", ["update"]);
  const targets = await ask();
  return sourcesList(targets) || refuseSources(targets);
}

/** The distribution's repositories at the machine's own mirrors, as one-line sources. mmdebstrap finds the keys. */
export function sourcesList(indexTargets: string): string {
  const lines = indexTargets.split("\n").flatMap((line) => {
    const [origin, uri, release, component] = line.split("|");
    if (origin !== "Debian" && origin !== "Ubuntu") return [];
    return [`deb ${uri} ${release} ${component}`];
  });
  return [...new Set(lines)].map((line) => `${line}\n`).join("");
}

/** Lists the other repositories: only their own line in the machine's sources names the key of a self-signing mirror. */
export function refuseSources(indexTargets: string): never {
  const others = indexTargets.split("\n").flatMap((line) => {
    const [origin, uri] = line.split("|");
    return uri === undefined ? [] : [`${uri} (Origin: ${origin || "none"})`];
  });
  throw new Error(
    "the images' base needs the distribution's own packages, but apt knows no repository with Origin Debian or Ubuntu" +
      `${others.length === 0 ? "" : `, but only ${[...new Set(others)].join(", ")}`}: ` +
      "add one to apt's sources, or name a base image (images/README.md, --base)",
  );
}

/** The machine's own proxies, certificates and allowances for stale mirrors, from `apt-config dump`. */
export function downloadSettings(dump: string): string[] {
  const names =
    /^Acquire::(https?(::.*)?::(Proxy|CAInfo|Verify-Peer|Verify-Host)|Check-Valid-Until|Check-Date) "[^"]+";$/i;
  return dump.split("\n").filter((line) => names.test(line));
}

function finish(root: string): void {
  for (const name of UNNEEDED) rmSync(path.join(root, name), { recursive: true, force: true });
  for (const name of ["dev", "home/luthier"]) mkdirSync(path.join(root, name), { recursive: true });
  mkdirSync(path.join(root, "tmp"));
  // Separately, because the process's umask restricts mkdir's mode.
  chmodSync(path.join(root, "tmp"), 0o1777);
  writeFileSync(path.join(root, "etc/passwd"), passwd());
  writeFileSync(path.join(root, "etc/group"), `root:x:0:\nluthier:x:${USER_ID}:\n`);
}

function passwd(): string {
  return `root:x:0:0:root:/root:/usr/sbin/nologin\nluthier:x:${USER_ID}:${USER_ID}:Luthier:/home/luthier:/usr/sbin/nologin\n`;
}
