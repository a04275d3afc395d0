/** Renders the chart by Helm without a cluster, and reads the objects. */
import assert from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { chart } from "../../demo/install.ts";
import { isRecord } from "../../operator/runtime/objects.ts";
import { run } from "../../terminal/runProgram.ts";

export interface Release {
  name?: string;
  namespace?: string;
  set?: readonly string[];
  setString?: readonly string[];
}

export type Rendered = Record<string, unknown>;

export async function renderedText(
  helm: string,
  { name = "luthier", namespace = "system", set = [], setString = [] }: Release = {},
): Promise<string> {
  // Without a cluster Helm assumes one of its own version.
  const at = ["template", name, chart, "--kube-version=1.34.0", `--namespace=${namespace}`, "--set=crds.enabled=false"];
  const values = [...set.map((value) => `--set=${value}`), ...setString.map((value) => `--set-string=${value}`)];
  return (await run(helm, [...at, ...values])).stdout;
}

/** The objects of a text, read as YAML 1.1, as in Kubernetes' tools and Helm. */
export function objectsIn(text: string): Rendered[] {
  const documents = parseAllDocuments(text, { version: "1.1" });
  assert.deepEqual(
    documents.flatMap(({ errors, warnings }) => [...errors, ...warnings]),
    [],
  );
  return documents.map((document): unknown => document.toJS()).filter(isRecord);
}

/** The member at a path such as `spec.ports.0.name`. */
export function at(object: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce(
      (value: unknown, key) => (value === null || value === undefined ? undefined : Reflect.get(Object(value), key)),
      object,
    );
}

export const ofKind = (objects: readonly Rendered[], kind: string) => objects.filter((one) => one.kind === kind);

/** Names of the objects of a kind, with their namespace if they have one. */
export const namesOf = (objects: readonly Rendered[], kind: string) =>
  ofKind(objects, kind).map((one) =>
    [at(one, "metadata.namespace"), at(one, "metadata.name")].filter((part) => part !== undefined).join("/"),
  );

/** Values that render every object of the chart. */
export const everything: readonly string[] = [
  "metrics.tls.enabled=true",
  "metrics.serviceMonitor.enabled=true",
  "metrics.prometheusRule.enabled=true",
  "metrics.dashboard.enabled=true",
  "metrics.service.ipFamilyPolicy=PreferDualStack",
  "networkPolicy.operator.enabled=true",
  "networkPolicy.trainer.namespaces={default}",
  "garbageCollection.stores[0].namespace=default",
  "garbageCollection.stores[0].uri=pvc://store/luthier",
  "garbageCollection.stores[1].namespace=default",
  "garbageCollection.stores[1].uri=s3://models",
  "garbageCollection.stores[1].endpoint=https://s3.example",
  "garbageCollection.stores[1].secretName=s3",
  "garbageCollection.timeZone=Etc/UTC",
  "mlflow.namespaces[0].namespace=default",
  "mlflow.namespaces[0].uri=https://mlflow.example",
  "mlflow.namespaces[0].experiment=bots",
  "mlflow.namespaces[0].secretName=mlflow",
  "operator.extraEnv[0].name=HTTPS_PROXY",
  "operator.extraEnv[0].value=http://proxy:3128",
  "operator.caCertificates=-----BEGIN CERTIFICATE-----",
  "commonLabels.team=a",
  "commonAnnotations.owner=b",
  "serviceAccount.annotations.role=c",
  "operator.podAnnotations.checked=d",
  "runAsUser=null",
];
