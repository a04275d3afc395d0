// The images' base, made on this machine from the packages of its own distribution: no image registry is needed, and
// what the machine compiles runs in it, because the C library is the same. No shell, no package manager; no certificates
// either, because Node brings its own (NODE_EXTRA_CA_CERTS adds to them).

import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { cached, recipeDigest } from "../tools/setup/cache.ts";
import { run } from "../tools/setup/command.ts";
import type { OnProgress } from "../tools/setup/progress.ts";

export const PACKAGES = ["base-files", "libc6", "libgcc-s1", "libstdc++6", "tini"];
export const USER_ID = 65532;

/** Nothing at run time reads these. */
const UNNEEDED = [
  ...["dev", "etc/apt", "etc/hostname", "etc/resolv.conf", "tmp", "usr/bin/mawk", "usr/bin/tini-static"],
  ...["usr/lib/x86_64-linux-gnu/gconv", "var/cache", "var/lib/apt", "var/log"],
  ...["doc", "gcc", "info", "lintian", "locale", "man"].map((name) => `usr/share/${name}`),
];

/** The layout that all three releases have, and which not every base-files brings by itself. */
const MERGED_USR = 'for name in bin lib lib64 sbin; do mkdir -p "$1/usr/$name"; ln -s "usr/$name" "$1/$name"; done';

/** Path of a tar file with the base's root directory. */
export async function baseArchive(onProgress: OnProgress): Promise<string> {
  const codename = codenameOf(readFileSync("/etc/os-release", "utf8"));
  const entry = await cached(
    "image-base",
    `${codename}-${recipeDigest([...PACKAGES, ...UNNEEDED, MERGED_USR, passwd()])}`,
    async (work) => {
      onProgress({ stage: "image base", message: `packages of ${codename}: ${PACKAGES.join(" ")}` });
      const root = path.join(work, "root");
      await extractPackages(codename, root);
      finish(root);
      // Proof that loader and C library found their places.
      await run("chroot", [root, "/usr/bin/tini", "--version"]);
      await run("tar", [
        "--create",
        "--sort=name",
        "--numeric-owner",
        "--directory",
        root,
        "--file",
        path.join(work, "base.tar"),
        ".",
      ]);
      rmSync(root, { recursive: true });
    },
  );
  return path.join(entry, "base.tar");
}

/** From the text of /etc/os-release: bookworm, trixie, noble. */
export function codenameOf(osRelease: string): string {
  const codename = /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(osRelease)?.[1];
  if (codename === undefined)
    throw new Error("/etc/os-release has no VERSION_CODENAME: images are built on Debian or Ubuntu");
  return codename;
}

async function extractPackages(codename: string, root: string): Promise<void> {
  const settings = await run("apt-config", ["dump", "--format", '%F "%v";%n', "Acquire"]);
  await run(
    "mmdebstrap",
    [
      ...["--variant=extract", "--format=directory", `--include=${PACKAGES.join(",")}`, `--setup-hook=${MERGED_USR}`],
      ...downloadSettings(settings.stdout).map((setting) => `--aptopt=${setting}`),
      ...[codename, root, "-"],
    ],
    { stdin: await machineSources() },
  );
}

async function machineSources(): Promise<string> {
  const format = "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)";
  const ask = async () =>
    sourcesList((await run("apt-get", ["indextargets", "--format", format, "Created-By: Packages"])).stdout);
  const sources = await ask();
  if (sources !== "") return sources;
  // Where the lists of packages were cleared away apt does not know whose repositories they are.
  await run("apt-get", ["update"]);
  return ask();
}

/** The machine's own mirrors, as one-line sources; repositories of others than the distribution are left out. mmdebstrap finds the keys. */
export function sourcesList(indexTargets: string): string {
  const lines = indexTargets.split("\n").flatMap((line) => {
    const [origin, uri, release, component] = line.split("|");
    if (origin !== "Debian" && origin !== "Ubuntu") return [];
    return [`deb ${uri} ${release} ${component}`];
  });
  return [...new Set(lines)].map((line) => `${line}\n`).join("");
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
  // By itself: mkdir's mode is cut by the process's umask.
  chmodSync(path.join(root, "tmp"), 0o1777);
  writeFileSync(path.join(root, "etc/passwd"), passwd());
  writeFileSync(path.join(root, "etc/group"), `root:x:0:\nluthier:x:${USER_ID}:\n`);
}

function passwd(): string {
  return `root:x:0:0:root:/root:/usr/sbin/nologin\nluthier:x:${USER_ID}:${USER_ID}:Luthier:/home/luthier:/usr/sbin/nologin\n`;
}
