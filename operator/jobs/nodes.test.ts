import assert from "node:assert/strict";
import { test } from "node:test";
import type { ResolvedPlacement } from "../api/common.ts";
import { takes } from "./nodes.ts";
import type { Node } from "./resources.ts";

const taint = (key: string, effect = "NoSchedule", value?: string) => ({ key, effect, ...(value && { value }) });
const node = (labels: Record<string, string>, taints: ReturnType<typeof taint>[] = []): Node => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: "a", labels: { "kubernetes.io/arch": "amd64", ...labels } },
  spec: { taints },
});
type Requirement = {
  key: string;
  operator: "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt";
  values?: string[];
};
const required = (...matchExpressions: Requirement[]): ResolvedPlacement => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] },
    },
  },
});

const fast = node({ disk: "fast", cores: "32" });
const kept = node({}, [taint("team", "NoSchedule", "a")]);
const cases: [string, Node, ResolvedPlacement, boolean][] = [
  ["no requests", fast, {}, true],
  ["no node selector for its processor, which is not x86-64", node({ "kubernetes.io/arch": "arm64" }), {}, false],
  [
    "a node selector for its processor",
    node({ "kubernetes.io/arch": "arm64" }),
    { nodeSelector: { "kubernetes.io/arch": "arm64" } },
    true,
  ],
  ["a node selector that matches its labels", fast, { nodeSelector: { disk: "fast" } }, true],
  ["a node selector for another label", fast, { nodeSelector: { disk: "slow" } }, false],
  ["an In that matches", fast, required({ key: "disk", operator: "In", values: ["fast", "slow"] }), true],
  ["a NotIn that excludes it", fast, required({ key: "disk", operator: "NotIn", values: ["fast"] }), false],
  ["an Exists of a label that it lacks", fast, required({ key: "gpu", operator: "Exists" }), false],
  ["a DoesNotExist of a label that it lacks", fast, required({ key: "gpu", operator: "DoesNotExist" }), true],
  ["a Gt below its value", fast, required({ key: "cores", operator: "Gt", values: ["16"] }), true],
  ["an Lt below its value", fast, required({ key: "cores", operator: "Lt", values: ["16"] }), false],
  [
    "a term of which only one requirement matches",
    fast,
    required({ key: "gpu", operator: "Exists" }, { key: "disk", operator: "Exists" }),
    false,
  ],
  ["a term without requirements", fast, required(), false],
  ["no toleration of its taint", kept, {}, false],
  ["a toleration of its taint", kept, { tolerations: [{ key: "team", operator: "Equal", value: "a" }] }, true],
  ["a toleration of another value of its taint", kept, { tolerations: [{ key: "team", value: "b" }] }, false],
  [
    "a toleration of another effect of its taint",
    kept,
    { tolerations: [{ key: "team", operator: "Exists", effect: "NoExecute" }] },
    false,
  ],
  ["a toleration of every taint", kept, { tolerations: [{ operator: "Exists" }] }, true],
  ["no toleration of its taint, if that is only a preference", node({}, [taint("x", "PreferNoSchedule")]), {}, true],
  [
    "no toleration of its taint not-ready, which is temporary",
    node({}, [taint("node.kubernetes.io/not-ready")]),
    {},
    true,
  ],
];
for (const [name, one, placement, expected] of cases) {
  test(`a node ${expected ? "takes" : "does not take"} a pod with ${name}`, () =>
    assert.equal(takes(one, placement), expected));
}
