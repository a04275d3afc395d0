/** Names and directories of the demo, with and without a cluster. */
import path from "node:path";
import { fileURLToPath } from "node:url";

export const repository = fileURLToPath(new URL("..", import.meta.url));

export const demo = {
  clusterName: "demo",
  manifest: path.join(repository, "demo/quickstart.yaml"),
  /** The inputs of demo/quickstart.yaml, with the same paths as in its claim. */
  inputs: path.join(repository, "demo"),
  testFile: path.join(repository, "demo/data/test.jsonl"),
  baseModel: path.join(repository, "demo/base/model"),
  inputsClaim: "demo-inputs",
  storeClaim: "demo-store",
  /** Copies for the pods' user, and the pods' output; the checkout's own files keep their owner. */
  clusterState: path.join(repository, ".luthier/demo"),
  localStore: path.join(repository, ".luthier/demo-store"),
} as const;
