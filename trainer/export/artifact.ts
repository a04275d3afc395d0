/**
 * An export as an artifact of an OCI registry, in two forms. `Image`: an image whose layers are tar archives with the
 * files under /models; containerd mounts it as a volume. `ModelPack`: an artifact of CNCF's model specification, in
 * which each layer is a file as it is. The same export always makes the same manifest. Pure.
 */
import { type ExportSettings, mergingKinds, type Profile } from "../contract/exports.ts";
import { canonicalJson } from "../contract/hashes.ts";
import { isLicence } from "../formats/huggingFace.ts";
import { digestOf } from "../stores/digest.ts";
import type { FileList } from "../stores/directory.ts";
import { manifestType } from "../stores/registry.ts";
import { type Piece, tarPieces } from "./tarLayer.ts";

/** A layer before its digest is known. */
export interface LayerPlan {
  mediaType: string;
  pieces: readonly Piece[];
  annotations?: Readonly<Record<string, string>>;
}

export interface Layer extends LayerPlan {
  digest: string;
  bytes: number;
}

/** The directory of the files in an image. */
const imageRoot = "models";
/** Kernels stack at most 128 layers. */
const mostLayers = 100;

const isWeights = (path: string) => /\.(safetensors|gguf)$/.test(path);

/** The layers of an export's files. Weights have a layer for each file, so that no change of another file moves them. */
export function layersOf(profile: Profile, files: FileList): LayerPlan[] {
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  if (profile === "ModelPack")
    return sorted.map((file) => ({
      mediaType: `application/vnd.cncf.model.${kindOf(file.path)}.v1.raw`,
      pieces: [file],
      annotations: { "org.cncf.model.filepath": file.path },
    }));
  const rest = sorted.filter(({ path }) => !isWeights(path));
  const weights = sorted.filter(({ path }) => isWeights(path));
  const groups = [rest, ...(weights.length < mostLayers ? weights.map((file) => [file]) : [weights])];
  const mediaType = "application/vnd.oci.image.layer.v1.tar";
  return groups.map((group) => ({ mediaType, pieces: tarPieces(group, imageRoot) }));
}

function kindOf(path: string): "weight" | "doc" | "weight.config" {
  if (isWeights(path)) return "weight";
  return path === "README.md" || isLicence(path) ? "doc" : "weight.config";
}

/** The facts of an export that its manifest records. */
export interface ArtifactFacts {
  profile: Profile;
  /** The repository's last part. */
  title: string;
  settings: ExportSettings;
  /** The export's name. */
  name: string;
  runHash: string;
  adapterDigest: string;
  baseDigest: string;
}

/** An annotation that every manifest of ours has. */
const nameAnnotation = "dev.luthier.export";

/** Whether annotations are those of a manifest that an export wrote. */
export const isOurs = (annotations: Readonly<Record<string, string>>) => nameAnnotation in annotations;

export interface Artifact {
  config: Uint8Array<ArrayBuffer>;
  manifest: Uint8Array<ArrayBuffer>;
}

export function artifactOf(layers: readonly Layer[], facts: ArtifactFacts): Artifact {
  const config = jsonBytes(facts.profile === "Image" ? imageConfig(layers) : modelConfig(layers, facts));
  const configType =
    facts.profile === "Image"
      ? "application/vnd.oci.image.config.v1+json"
      : "application/vnd.cncf.model.config.v1+json";
  const manifest = {
    schemaVersion: 2,
    mediaType: manifestType,
    ...(facts.profile === "ModelPack" && { artifactType: "application/vnd.cncf.model.manifest.v1+json" }),
    config: { mediaType: configType, digest: digestOf(config), size: config.length },
    layers: layers.map(({ mediaType, digest, bytes, annotations }) => ({
      mediaType,
      digest,
      size: bytes,
      ...(annotations && { annotations }),
    })),
    annotations: {
      "org.opencontainers.image.title": facts.title,
      [nameAnnotation]: facts.name,
      "dev.luthier.run": facts.runHash,
      "dev.luthier.adapter": facts.adapterDigest,
      "dev.luthier.base": facts.baseDigest,
    },
  };
  return { config, manifest: jsonBytes(manifest) };
}

/** Images need a platform; the files fit every one. */
const imageConfig = (layers: readonly Layer[]) => ({
  architecture: "amd64",
  os: "linux",
  config: {},
  rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
});

const precisions = { F32: "float32", BF16: "bfloat16", F16: "float16" } as const;

function modelConfig(layers: readonly Layer[], { settings, title, runHash }: ArtifactFacts) {
  const isGguf = settings.kind === "gguf" || settings.kind === "ggufAdapter";
  const type = settings.kind === "gguf" ? settings.quantization : settings.dtype;
  const is16 = type === "F32" || type === "BF16" || type === "F16";
  return {
    descriptor: { name: title, revision: runHash },
    config: {
      ...(mergingKinds.some((kind) => kind === settings.kind) && { architecture: "transformer" }),
      format: isGguf ? "gguf" : "safetensors",
      ...(is16 ? { precision: precisions[type] } : { quantization: type }),
    },
    modelfs: { type: "layers", diffIds: layers.map(({ digest }) => digest) },
  };
}

const jsonBytes = (value: Parameters<typeof canonicalJson>[0]) => Uint8Array.from(Buffer.from(canonicalJson(value)));
