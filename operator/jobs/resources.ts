/** The built-in kinds that the operator reads, in their wire form. */
import type { V1Job, V1Node, V1Pod } from "@kubernetes/client-node";
import type { KubeObject, Resource, WireObject } from "../runtime/objects.ts";

export type Job = WireObject<V1Job>;
export type Pod = WireObject<V1Pod>;
export type Node = WireObject<V1Node>;
/** The client library's type has another name for `default` than the wire. */
export interface LimitRange extends KubeObject {
  spec?: { limits?: { type: string; default?: Record<string, string> }[] };
}

export const batchJobs: Resource<Job> = { group: "batch", version: "v1", plural: "jobs", kind: "Job" };
export const pods: Resource<Pod> = { group: "", version: "v1", plural: "pods", kind: "Pod" };
export const nodes: Resource<Node> = { group: "", version: "v1", plural: "nodes", kind: "Node" };
export const limitRanges: Resource<LimitRange> = {
  group: "",
  version: "v1",
  plural: "limitranges",
  kind: "LimitRange",
};
