/** Rules that Kubernetes applies to pods, checked already in the manifest that a person writes. */
import type { Rule } from "../../trainer/contract/rules.ts";
import { group, labels } from "./names.ts";
import { quantityNumber } from "./quantity.ts";

interface Resources {
  requests?: ResourceList | undefined;
  limits?: ResourceList | undefined;
}
type ResourceList = { [Name in (typeof compute)[number]]?: string | number | undefined };

const compute = ["cpu", "memory", "ephemeral-storage"] as const;

export const requestsWithinLimits: readonly Rule<Resources>[] = compute.map((resource) => {
  const of = (list: string) => `self.${list}.${resource.replaceAll("-", "__dash__")}`;
  const absent = ["requests", "limits"].map((list) => `!has(self.${list}) || !has(${of(list)})`).join(" || ");
  const [request, limit] = ["requests", "limits"].map((list) => `quantity(string(${of(list)}))`);
  return {
    cel: `${absent} || ${request}.compareTo(${limit}) <= 0`,
    holds: ({ requests, limits }) =>
      (quantityNumber(requests?.[resource]) ?? 0) <= (quantityNumber(limits?.[resource]) ?? Number.POSITIVE_INFINITY),
    message: `requests.${resource} must be at most limits.${resource}`,
  };
});

interface Toleration {
  key?: string | undefined;
  operator?: "Exists" | "Equal" | undefined;
  value?: string | undefined;
  effect?: string | undefined;
  tolerationSeconds?: number | undefined;
}

export const tolerationRules: readonly Rule<Toleration>[] = [
  {
    cel: "has(self.operator) && self.operator == 'Exists' ? !has(self.value) || self.value == '' : has(self.key) && self.key != ''",
    holds: ({ operator, key = "", value = "" }) => (operator === "Exists" ? value === "" : key !== ""),
    message: "operator Exists takes no value, and Equal (the default) needs a key",
  },
  {
    cel: "!has(self.tolerationSeconds) || has(self.effect) && self.effect == 'NoExecute'",
    holds: ({ tolerationSeconds, effect }) => tolerationSeconds === undefined || effect === "NoExecute",
    message: "tolerationSeconds needs effect NoExecute",
  },
];

/** Keys that the operator and the Job controller set on pods, and whose values they read. */
const ownPrefixes = [`${group}/`, "batch.kubernetes.io/"];
const ownLabels = [labels.managedBy, "controller-uid", "job-name"];
/** A qualified name: DNS prefix, slash, name; the prefix may be absent. */
const keyPattern = "^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";

function keysOf(what: string, keys: readonly string[]): readonly Rule<Record<string, string>>[] {
  const tests = [
    ...ownPrefixes.map((prefix) => `key.startsWith('${prefix}')`),
    ...keys.map((own) => `key == '${own}'`),
  ];
  const isOwn = (key: string) => keys.includes(key) || ownPrefixes.some((prefix) => key.startsWith(prefix));
  return [
    {
      cel: `self.all(key, !(${tests.join(" || ")}))`,
      holds: (map) => !Object.keys(map).some(isOwn),
      message: `must not contain ${[...ownPrefixes.map((prefix) => `${prefix}*`), ...keys].join(", ")}: the operator or the Job controller sets these ${what}`,
    },
    {
      cel: `self.all(key, key.matches('${keyPattern}'))`,
      holds: (map) => Object.keys(map).every((key) => new RegExp(keyPattern).test(key)),
      message:
        "must have keys such as team or example.com/team: letters, digits, -, _ and . after an optional DNS prefix",
    },
  ];
}

export const labelKeys = keysOf("labels", ownLabels);
export const annotationKeys = keysOf("annotations", []);

/** The operator sets these itself, and the trainer reads them. */
export const variableNames: readonly Rule<readonly { name: string }[]>[] = [
  {
    cel: "self.all(one, !one.name.startsWith('LUTHIER_'))",
    holds: (list) => !list.some(({ name }) => name.startsWith("LUTHIER_")),
    message: "must not set variables that begin with LUTHIER_: they are the operator's",
  },
  {
    cel: "self.all(one, self.exists_one(other, other.name == one.name))",
    holds: (list) => new Set(list.map(({ name }) => name)).size === list.length,
    message: "must set each variable once",
  },
];

/** The name of a resource with a domain; those of Kubernetes itself are no devices. */
const devicePattern = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$";

const celDevice = (name: string) => `${name}.matches('${devicePattern}') && !${name}.contains('kubernetes.io/')`;
const isDevice = (name: string) => new RegExp(devicePattern).test(name) && !name.includes("kubernetes.io/");

export const extendedNames: readonly Rule<Record<string, number>>[] = [
  {
    cel: `self.all(key, ${celDevice("key")})`,
    holds: (map) => Object.keys(map).every(isDevice),
    message: "must have names such as example.com/device; cpu and memory belong to resources",
  },
];

export const deviceName: Rule<string> = {
  cel: celDevice("self"),
  holds: isDevice,
  message: "must be the name of a device plugin's resource, such as nvidia.com/gpu",
};

interface ResourceClaim {
  resourceClaimName?: string | undefined;
  resourceClaimTemplateName?: string | undefined;
}

export const oneClaim: Rule<ResourceClaim> = {
  cel: "has(self.resourceClaimName) != has(self.resourceClaimTemplateName)",
  holds: ({ resourceClaimName, resourceClaimTemplateName }) =>
    (resourceClaimName === undefined) !== (resourceClaimTemplateName === undefined),
  message: "set resourceClaimName or resourceClaimTemplateName",
};
