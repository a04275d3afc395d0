/** The CustomResourceDefinitions of the Prometheus operator for which the chart has objects, from its Go module (4 MB). */
import path from "node:path";
import { run } from "../../terminal/runProgram.ts";
import { findGo } from "../../tools/setup/go.ts";

const moduleVersion = "github.com/prometheus-operator/prometheus-operator@v0.85.0";

/** Paths of the manifests. */
export async function prometheusKinds(): Promise<string[]> {
  const go = await findGo(() => {});
  const env = { ...process.env, GOFLAGS: "-mod=mod", GOTOOLCHAIN: "local", GOWORK: "off" };
  const { stdout } = await run(go, ["mod", "download", "-json", moduleVersion], { env, cwd: import.meta.dirname });
  const { Dir: directory } = JSON.parse(stdout);
  return ["podmonitors", "prometheusrules", "servicemonitors"].map((plural) =>
    path.join(directory, "example/prometheus-operator-crd", `monitoring.coreos.com_${plural}.yaml`),
  );
}
