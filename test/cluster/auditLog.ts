/**
 * What the API server was asked, by its audit log: by whom, about what, when, and how it answered. Refused requests are
 * there as well as those that were carried out.
 */
import { readFileSync } from "node:fs";

export interface Asked {
  /** As the server counts them, but that an apply which made its object is a `create`. */
  verb: string;
  /** Or, of what is no resource, the path. */
  resource: string;
  subresource: string | undefined;
  /** Empty: all namespaces, or a resource that is in none. */
  namespace: string;
  name: string;
  user: string;
  /** The HTTP status of the answer. */
  code: number;
  /** When the request came in, to the microsecond, as text that sorts. */
  at: string;
}

const writing: readonly string[] = ["create", "update", "patch", "delete", "deletecollection"];

export const isWrite = ({ verb }: Asked) => writing.includes(verb);
export const isCarriedOut = ({ code }: Asked) => code < 300;

/** Requests as they were answered, watches as they began. Only lines that hold `words` are looked at. */
export function readAuditLog(file: string, words: string): Asked[] {
  return (
    readFileSync(file, "utf8")
      .split("\n")
      // The last one may be half written.
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

/** What was asked how often: "2 × get jobs, 1 × create jobs 403". */
export function counted(requests: readonly Asked[]): string {
  const kinds = Map.groupBy(requests, ({ verb, resource, subresource, code }) =>
    [verb, [resource, subresource].filter(Boolean).join("/"), ...(code < 300 ? [] : [code])].join(" "),
  );
  return [...kinds].map(([kind, all]) => `${all.length} × ${kind}`).join(", ");
}
