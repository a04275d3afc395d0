/**
 * Reads the requests in the API server's audit log: user, object, time and response. It includes refused requests.
 */
import { readFileSync } from "node:fs";

export interface Asked {
  /** The server's verb, except that an apply which created its object is a `create`. */
  verb: string;
  /** The resource, or the path of a non-resource request. */
  resource: string;
  subresource: string | undefined;
  /** Empty: all namespaces, or a cluster-scoped resource. */
  namespace: string;
  name: string;
  user: string;
  /** The HTTP status of the response. */
  code: number;
  /** Time of the request to the microsecond, as sortable text. */
  at: string;
}

const writing: readonly string[] = ["create", "update", "patch", "delete", "deletecollection"];

export const isWrite = ({ verb }: Asked) => writing.includes(verb);
export const isCarriedOut = ({ code }: Asked) => code < 300;

/** Requests in the order of their responses, watches in the order of their starts. Reads only lines that contain `words`. */
export function readAuditLog(file: string, words: string): Asked[] {
  return (
    readFileSync(file, "utf8")
      .split("\n")
      // The last line may be incomplete.
      .slice(0, -1)
      .filter((line) => line.includes(words))
      .map((line) => JSON.parse(line))
      .filter(({ stage, verb }) => stage === (verb === "watch" ? "ResponseStarted" : "ResponseComplete"))
      .map(({ verb, objectRef = {}, user, responseStatus = {}, requestURI, requestReceivedTimestamp }) => ({
        verb: verb === "patch" && responseStatus.code === 201 ? "create" : verb,
        resource: objectRef.resource ?? requestURI,
        subresource: objectRef.subresource,
        namespace: objectRef.namespace ?? "",
        name: objectRef.name ?? "",
        user: user.username,
        code: responseStatus.code,
        at: requestReceivedTimestamp,
      }))
  );
}

/** The number of requests of each kind: "2 × get jobs, 1 × create jobs 403". */
export function counted(requests: readonly Asked[]): string {
  const kinds = Map.groupBy(requests, ({ verb, resource, subresource, code }) =>
    [verb, [resource, subresource].filter(Boolean).join("/"), ...(code < 300 ? [] : [code])].join(" "),
  );
  return [...kinds].map(([kind, all]) => `${all.length} × ${kind}`).join(", ");
}
