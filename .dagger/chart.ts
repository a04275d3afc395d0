/** Packages the chart with its images, using the same Helm as the tests. */
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { type Container, dag } from "@dagger.io/dagger";
import { REPOSITORY } from "../images/context.ts";
import type { PublishedImages } from "./images.ts";
import { pinImages } from "./values.ts";

const goImage = "docker.io/library/golang:1.25";
const helmVersion = "v4.2.4";

/** Pushes the chart to `oci://prefix` and returns Helm's output. */
export function pushChart(prefix: string, version: string, images: PublishedImages): Promise<string> {
  return withCredentials(packaged(version, images))
    .withExec(["helm", "push", `luthier-${version}.tgz`, `oci://${prefix}`])
    .combinedOutput();
}

/** Writes luthier-VERSION.tgz into `directory` of this machine; the chart's own values name its images. */
export function exportChart(directory: string, version: string): Promise<string> {
  return packaged(version)
    .file(`luthier-${version}.tgz`)
    .export(path.join(directory, `luthier-${version}.tgz`));
}

function packaged(version: string, images?: PublishedImages): Container {
  const directory = path.join(REPOSITORY, "charts/luthier");
  const values = readFileSync(path.join(directory, "values.yaml"), "utf8");
  const chart = dag
    .host()
    .directory(directory)
    .withNewFile("values.yaml", images ? pinImages(values, images) : values);
  return helm()
    .withDirectory("/package/luthier", chart)
    .withWorkdir("/package")
    .withExec(["helm", "lint", "--strict", "luthier"])
    .withExec(["helm", "package", "luthier", "--version", version, "--app-version", version]);
}

function helm(): Container {
  return dag
    .container()
    .from(goImage)
    .withMountedCache("/go/pkg/mod", dag.cacheVolume("luthier-go"))
    .withMountedCache("/root/.cache/go-build", dag.cacheVolume("luthier-go-build"))
    .withEnvVariable("GOBIN", "/usr/local/bin")
    .withExec(["go", "install", `helm.sh/helm/v4/cmd/helm@${helmVersion}`]);
}

/** The credentials of `docker login`, as a secret that never appears in a layer or a log. */
function withCredentials(container: Container): Container {
  const file = path.join(homedir(), ".docker/config.json");
  if (!existsSync(file)) return container;
  return container.withMountedSecret("/root/.docker/config.json", dag.secret(`file://${file}`));
}
