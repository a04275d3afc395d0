/** Names at an OCI registry: `oci://HOST[:PORT]/REPOSITORY`, without a tag. Pure. */
import { invalid } from "../contract/failure.ts";

export interface Repository {
  /** Host and port, as the URI names them. */
  host: string;
  /** Its path at the registry. */
  name: string;
  /** The address of the registry, without a slash at its end. */
  endpoint: string;
}

/** Docker Hub's registry has another host than its images' names, and single names are in `library`. */
const dockerHub = { host: "docker.io", endpoint: "https://registry-1.docker.io" };

/** The repository of a URI; `endpoint` replaces the address that follows from it. */
export function repositoryOf(uri: string, endpoint: string | undefined): Repository {
  const [, host, path] = /^oci:\/\/([^/]+)\/(.+?)\/*$/.exec(uri) ?? [];
  if (host === undefined || path === undefined)
    throw invalid("InvalidUri", `${uri}: not of the form oci://REGISTRY/REPOSITORY`);
  const ofHub = host === dockerHub.host;
  const usual = ofHub ? dockerHub.endpoint : `${isThisMachine(host) ? "http" : "https"}://${host}`;
  return {
    host,
    name: ofHub && !path.includes("/") ? `library/${path}` : path,
    endpoint: (endpoint ?? usual).replace(/\/+$/, ""),
  };
}

/** Docker, containerd and others use plain HTTP for a registry on their own machine too. */
const isThisMachine = (host: string) => /^(localhost|127(\.\d{1,3}){3})(:\d+)?$/.test(host);
