/** Rules that Kubernetes applies to pods, checked already in the manifest that a person writes. */
import type { Rule } from "../../trainer/contract/rules.ts";
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
