// The system packages that Luthier's own scripts need, by purpose, and those that a machine lacks.
// A package counts as present if its program exists, whatever installed it: a containerd from Docker works as well as the
// distribution's, and installing a second one would remove the first.
//
// The names are the same in Debian 12, Debian 13 and Ubuntu 24.04.

import { accessSync, constants } from "node:fs";
import path from "node:path";

/** native: compile the addon. cuda: fetch the CUDA compiler. go: fetch Go if it is missing. cluster: run Kubernetes here. images: build images. */
export type Purpose = "native" | "cuda" | "go" | "cluster" | "images";

export interface SystemPackage {
  readonly name: string;
  /** A program on the search path, or an absolute path. */
  readonly proof: string;
}

/** buildah of Debian 13 does not start without netavark, although it needs it only for networks, which are not used here. */
const BUILDAH: readonly SystemPackage[] = [
  { name: "buildah", proof: "buildah" },
  { name: "netavark", proof: "/usr/lib/podman/netavark" },
];

const PIP: readonly SystemPackage[] = [{ name: "python3-pip", proof: "pip3" }];

export const PACKAGES: Readonly<Record<Purpose, readonly SystemPackage[]>> = {
  native: [
    { name: "cmake", proof: "cmake" },
    { name: "g++", proof: "g++" },
    { name: "ninja-build", proof: "ninja" },
  ],
  cuda: PIP,
  go: PIP,
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

/** Directories of system programs, for users without the administrator's search path. */
const SYSTEM_PATH = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** Names of the packages with missing programs, each once, in order. $CXX replaces the compiler, as in the build. */
export function missingPackages(
  purposes: readonly Purpose[],
  isPresent = isProgram,
  compiler = process.env.CXX,
): string[] {
  const wanted = purposes.flatMap((purpose) => PACKAGES[purpose]).filter(({ name }) => name !== "g++" || !compiler);
  return [...new Set(wanted.filter(({ proof }) => !isPresent(proof)).map(({ name }) => name))];
}

/** True if `proof` is executable: at its path, or on the search path. */
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
