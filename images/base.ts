// The images' base, made on this machine from the packages of its own distribution: no image registry is needed, and
// what the machine compiles runs in it, because the C library is the same. About 8 MB: no shell, no package manager.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { cached, recipeDigest } from "../tools/setup/cache.ts";
import { run } from "../tools/setup/command.ts";
import type { OnProgress } from "../tools/setup/progress.ts";

export const PACKAGES = ["base-files", "libc6", "libgcc-s1", "libstdc++6", "tini", "ca-certificates"];
export const USER_ID = 65532;

/** Nothing at run time reads these. */
const UNNEEDED = [
  ...["etc/apt", "etc/hostname", "etc/resolv.conf", "tmp", "usr/share/ca-certificates", "usr/share/gcc"],
  ...["usr/bin/mawk", "usr/bin/openssl", "usr/bin/tini-static"],
  ...["engines-3", "gconv", "libcrypto.so.3", "libssl.so.3", "ossl-modules"].map(
    (name) => `usr/lib/x86_64-linux-gnu/${name}`,
  ),
  ...[
    "usr/share/doc",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
    "var/cache",
    "var/lib/apt",
    "var/log",
  ],
];

/** Path of a tar file with the base's root directory. */
export async function baseArchive(onProgress: OnProgress): Promise<string> {
  const codename = codenameOf(readFileSync("/etc/os-release", "utf8"));
  const entry = await cached(
    "image-base",
    `${codename}-${recipeDigest([...PACKAGES, ...UNNEEDED, passwd()])}`,
    async (work) => {
      onProgress({ stage: "image base", message: `packages of ${codename}: ${PACKAGES.join(" ")}` });
      const root = path.join(work, "root");
      await extractPackages(codename, root);
      finish(root);
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
  const [targets, settings] = await Promise.all([
    run("apt-get", [
      "indextargets",
      "--format",
      "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)",
      "Created-By: Packages",
    ]),
    run("apt-config", ["dump", "--format", '%F "%v";%n', "Acquire"]),
  ]);
  await run(
    "mmdebstrap",
    [
      ...["--variant=extract", "--format=directory", `--include=${PACKAGES.join(",")}`],
      ...downloadSettings(settings.stdout).map((setting) => `--aptopt=${setting}`),
      ...[codename, root, "-"],
    ],
    { stdin: sourcesList(targets.stdout) },
  );
}

/** The machine's own mirrors, as one-line sources; repositories of others than the distribution are left out. mmdebstrap finds the keys. */
export function sourcesList(indexTargets: string): string {
  const lines = indexTargets.split("\n").flatMap((line) => {
    const [origin, uri, release, component] = line.split("|");
    if (origin !== "Debian" && origin !== "Ubuntu") return [];
    return [`deb ${uri} ${release} ${component}`];
  });
  return [...new Set(lines), ""].join("\n");
}

/** The machine's own proxies, certificates and allowances for stale mirrors, from `apt-config dump`. */
export function downloadSettings(dump: string): string[] {
  const names =
    /^Acquire::(https?(::.*)?::(Proxy|CAInfo|Verify-Peer|Verify-Host)|Check-Valid-Until|Check-Date) "[^"]+";$/i;
  return dump.split("\n").filter((line) => names.test(line));
}

function finish(root: string): void {
  const authorities = path.join(root, "usr/share/ca-certificates/mozilla");
  const bundle = readdirSync(authorities)
    .sort()
    .map((name) => readFileSync(path.join(authorities, name), "utf8"));
  for (const name of UNNEEDED) rmSync(path.join(root, name), { recursive: true, force: true });
  for (const name of ["tmp", "etc/ssl/certs", "home/luthier"]) mkdirSync(path.join(root, name), { recursive: true });
  writeFileSync(path.join(root, "etc/ssl/certs/ca-certificates.crt"), bundle.join(""));
  writeFileSync(path.join(root, "etc/passwd"), passwd());
  writeFileSync(path.join(root, "etc/group"), `root:x:0:\nluthier:x:${USER_ID}:\n`);
}

function passwd(): string {
  return `root:x:0:0:root:/root:/usr/sbin/nologin\nluthier:x:${USER_ID}:${USER_ID}:Luthier:/home/luthier:/usr/sbin/nologin\n`;
}
