// The system packages that Luthier's own scripts need, by purpose, and which of them a machine lacks.
// A package counts as present when its program is there, whoever put it there: a containerd that came with Docker
// serves as well as the distribution's, and installing a second would remove the first.
//
// The names are those of Debian 12, Debian 13 and Ubuntu 24.04, where they are the same.

import { accessSync, constants } from "node:fs";
import path from "node:path";

/** native: compile the addon. go: fetch Go where there is none. cluster: run Kubernetes here. images: build images. */
export type Purpose = "native" | "go" | "cluster" | "images";

export interface SystemPackage {
  readonly name: string;
  /** A program on the search path, or an absolute path. */
  readonly proof: string;
}

/** buildah of Debian 13 does not start without netavark, which it needs only for networks that are not used here. */
const BUILDAH: readonly SystemPackage[] = [
  { name: "buildah", proof: "buildah" },
  { name: "netavark", proof: "/usr/lib/podman/netavark" },
];

export const PACKAGES: Readonly<Record<Purpose, readonly SystemPackage[]>> = {
  native: [
    { name: "cmake", proof: "cmake" },
    { name: "g++", proof: "g++" },
    { name: "ninja-build", proof: "ninja" },
  ],
  go: [{ name: "python3-pip", proof: "pip3" }],
  cluster: [
    { name: "containerd", proof: "/usr/bin/containerd" },
    { name: "runc", proof: "runc" },
    { name: "containernetworking-plugins", proof: "/usr/lib/cni/bridge" },
    { name: "nftables", proof: "nft" },
    { name: "iproute2", proof: "ip" },
    { name: "openssl", proof: "openssl" },
    // Packs the pause image.
    ...BUILDAH,
  ],
  images: [...BUILDAH, { name: "mmdebstrap", proof: "mmdebstrap" }, { name: "binutils", proof: "strip" }],
};

/** Where system programs are, for users whose search path leaves the administrator's out. */
const SYSTEM_PATH = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** Names of the packages whose programs are not there, each once, in order. $CXX stands for the compiler, as in the build. */
export function missingPackages(
  purposes: readonly Purpose[],
  isPresent = isProgram,
  compiler = process.env.CXX,
): string[] {
  const wanted = purposes.flatMap((purpose) => PACKAGES[purpose]).filter(({ name }) => name !== "g++" || !compiler);
  return [...new Set(wanted.filter(({ proof }) => !isPresent(proof)).map(({ name }) => name))];
}

/** True when `proof` can be executed: at its path, or on the search path. */
export function isProgram(proof: string): boolean {
  const folders = [...(process.env.PATH ?? "").split(":"), ...SYSTEM_PATH];
  const candidates = path.isAbsolute(proof) ? [proof] : folders.map((folder) => path.join(folder, proof));
  return candidates.some((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
