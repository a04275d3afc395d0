/** The chart's files agree with the operator: metrics of its alerts and dashboard, its values and their schema. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Registry } from "prom-client";
import { parse } from "yaml";
import { kinds } from "./api/kinds.ts";
import { group, version } from "./api/names.ts";
import { FineTuningMetrics } from "./finetunerun/metrics.ts";
import { ControllerMetrics } from "./runtime/metrics.ts";
import { isRecord } from "./runtime/objects.ts";
import { newCaches } from "./shared/caches.ts";

const chart = path.resolve(import.meta.dirname, "../charts/luthier");
const read = (file: string) => readFileSync(path.join(chart, file), "utf8");

/** Each series that a scrape may return, with its labels. */
function series(): Map<string, readonly string[]> {
  const controllers = new ControllerMetrics();
  const fineTuning = new Registry();
  new FineTuningMetrics(fineTuning, newCaches(), () => true);
  const metrics = [...controllers.registry.getMetricsAsArray(), ...fineTuning.getMetricsAsArray()];
  const found = new Map<string, readonly string[]>();
  for (const metric of metrics) {
    const labels: readonly string[] = Reflect.get(metric, "labelNames") ?? [];
    found.set(metric.name, labels);
    if (metric.type.toString() !== "histogram") continue;
    for (const suffix of ["_sum", "_count"]) found.set(metric.name + suffix, labels);
    found.set(`${metric.name}_bucket`, [...labels, "le"]);
  }
  return found;
}

/** All values of the members `key` below `value`. */
function members(value: unknown, key: string): string[] {
  if (Array.isArray(value)) return value.flatMap((one) => members(one, key));
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([name, one]) =>
    name === key && typeof one === "string" ? [one] : members(one, key),
  );
}

const alerts = members(parse(read("files/alerts.yaml")), "expr");
const dashboard: unknown = JSON.parse(read("files/dashboard.json"));

for (const [name, expressions] of [
  ["alerts", alerts],
  ["dashboard", [...members(dashboard, "expr"), ...members(dashboard, "query").filter((one) => one !== "prometheus")]],
] as const) {
  test(`the ${name} ask for metrics and labels that the operator has`, () => {
    const known = series();
    assert.ok(expressions.length > 5);
    for (const expression of expressions) {
      const selectors = [...expression.matchAll(/\b([a-z]+(?:_[a-z]+)+)\b(?!\s*\()(?:\{([^}]*)\})?/g)];
      const asked = selectors.filter(([, metric = ""]) => !/^(histogram_quantile|label_values)$/.test(metric));
      assert.ok(asked.length > 0, expression);
      for (const [, metric = "", matchers = ""] of asked) {
        const labels = known.get(metric);
        assert.ok(labels, `${metric} of ${expression}`);
        for (const [, label = ""] of matchers.matchAll(/(\w+)\s*=?[=~]/g))
          assert.ok(labels.includes(label), `${label} of ${metric} in ${expression}`);
      }
      const grouped = [...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels = ""]) => labels.split(/,\s*/));
      const all = asked.flatMap(([, metric = ""]) => known.get(metric) ?? []);
      assert.deepEqual(
        grouped.filter((label) => !all.includes(label)),
        [],
        expression,
      );
    }
  });
}

test("each panel of the dashboard has its own id and place", () => {
  assert.ok(isRecord(dashboard) && Array.isArray(dashboard.panels));
  const places = dashboard.panels.map(({ gridPos: { x, y } }) => `${x},${y}`);
  const ids = dashboard.panels.map(({ id }) => id);
  assert.equal(new Set(places).size, places.length);
  assert.equal(new Set(ids).size, ids.length);
});

/** Paths of the values that have no values below them. */
function leaves(value: unknown, at: string, isLeaf: (value: Record<string, unknown>) => boolean): string[] {
  if (!isRecord(value) || isLeaf(value)) return [at];
  return Object.entries(value).flatMap(([key, one]) => leaves(one, at === "" ? key : `${at}.${key}`, isLeaf));
}

test("the schema of the values has each value of values.yaml, and no other", () => {
  const schema: unknown = JSON.parse(read("values.schema.json"));
  const definitions = isRecord(schema) && isRecord(schema.definitions) ? schema.definitions : {};
  /** The schema as a tree of its properties; a value without listed properties is a leaf. */
  const tree = (one: unknown): unknown => {
    if (!isRecord(one)) return undefined;
    if (typeof one.$ref === "string") return tree(definitions[one.$ref.split("/").at(-1) ?? ""]);
    if (!isRecord(one.properties)) return undefined;
    assert.equal(one.additionalProperties, false, Object.keys(one.properties).join());
    return Object.fromEntries(Object.entries(one.properties).map(([key, member]) => [key, tree(member)]));
  };
  const inSchema = leaves(tree(schema), "", () => false).filter((at) => at !== "global");
  // The members of these maps belong to the user, or to Kubernetes.
  const free = /^((?:operator|garbageCollection|mlflow)\.resources|metrics\.dashboard\.labels)\./;
  const inValues = leaves(parse(read("values.yaml")), "", (value) => Object.keys(value).length === 0);
  const owned = new Set(inValues.map((at) => at.replace(free, "$1\n").split("\n")[0]));
  assert.deepEqual([...owned].sort(), inSchema.sort());
});

test("the chart's annotations describe the kinds as their definitions do", () => {
  const { annotations } = parse(read("Chart.yaml"));
  assert.deepEqual(
    parse(annotations["artifacthub.io/crds"]),
    kinds.map(({ kind, plural, description }) => ({
      ...{ kind, version, name: `${plural}.${group}`, displayName: kind, description },
    })),
  );
  const [example] = parse(annotations["artifacthub.io/crdsExamples"]);
  assert.ok(kinds[0]?.spec.safeParse(example.spec).success);
});
