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
  ["any node takes a pod without requests", fast, {}, true],
  ["another processor", node({ "kubernetes.io/arch": "arm64" }), {}, false],
  [
    "another processor that the placement names",
    node({ "kubernetes.io/arch": "arm64" }),
    { nodeSelector: { "kubernetes.io/arch": "arm64" } },
    true,
  ],
  ["a label that it has", fast, { nodeSelector: { disk: "fast" } }, true],
  ["a label that it lacks", fast, { nodeSelector: { disk: "slow" } }, false],
  ["In", fast, required({ key: "disk", operator: "In", values: ["fast", "slow"] }), true],
  ["NotIn", fast, required({ key: "disk", operator: "NotIn", values: ["fast"] }), false],
  ["Exists", fast, required({ key: "gpu", operator: "Exists" }), false],
  ["DoesNotExist", fast, required({ key: "gpu", operator: "DoesNotExist" }), true],
  ["Gt", fast, required({ key: "cores", operator: "Gt", values: ["16"] }), true],
  ["Lt", fast, required({ key: "cores", operator: "Lt", values: ["16"] }), false],
  [
    "all requirements of a term",
    fast,
    required({ key: "gpu", operator: "Exists" }, { key: "disk", operator: "Exists" }),
    false,
  ],
  ["a term without requirements matches nothing", fast, required(), false],
  ["a taint that is not tolerated", kept, {}, false],
  ["a taint that is", kept, { tolerations: [{ key: "team", operator: "Equal", value: "a" }] }, true],
  ["another value", kept, { tolerations: [{ key: "team", value: "b" }] }, false],
  ["another effect", kept, { tolerations: [{ key: "team", operator: "Exists", effect: "NoExecute" }] }, false],
  ["every taint tolerated", kept, { tolerations: [{ operator: "Exists" }] }, true],
  ["a preference keeps nothing away", node({}, [taint("x", "PreferNoSchedule")]), {}, true],
  ["a node that is not well just now may be well later", node({}, [taint("node.kubernetes.io/not-ready")]), {}, true],
];
for (const [name, one, placement, expected] of cases) {
  test(name, () => assert.equal(takes(one, placement), expected));
}
