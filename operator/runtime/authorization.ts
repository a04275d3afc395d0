/**
 * Decides whether a bearer token may read a path of this process, like controller-runtime's metrics server: the API server
 * identifies the token (TokenReview) and checks `get` on the path (SubjectAccessReview). Answers are kept for a short time
 * under the token's digest, so that a scraper costs two reviews a minute. A failed review throws and permits nothing.
 */
import { createHash } from "node:crypto";
import { isRecord } from "./objects.ts";
import type { Transport } from "./transport.ts";

export type Access = "Allowed" | "Forbidden" | "Unauthenticated";

const keptMs = 60_000;
/** Random tokens must not fill the memory. */
const mostKept = 1_000;

export class Authorizer {
  readonly #transport: Pick<Transport, "json">;
  readonly #known = new Map<string, { access: Access; until: number }>();

  constructor(transport: Pick<Transport, "json">) {
    this.#transport = transport;
  }

  async mayGet(path: string, token: string): Promise<Access> {
    const key = createHash("sha256").update(`${path}\n${token}`).digest("hex");
    const known = this.#known.get(key);
    if (known !== undefined && performance.now() < known.until) return known.access;
    const access = await this.#ask(path, token);
    if (this.#known.size >= mostKept) this.#known.clear();
    this.#known.set(key, { access, until: performance.now() + keptMs });
    return access;
  }

  async #ask(path: string, token: string): Promise<Access> {
    const { authenticated, user } = await this.#review("authentication.k8s.io", "TokenReview", { token });
    if (authenticated !== true || !isRecord(user)) return "Unauthenticated";
    const { username, uid, groups, extra } = user;
    const nonResourceAttributes = { path, verb: "get" };
    const spec = { user: username, uid, groups, extra, nonResourceAttributes };
    const { allowed } = await this.#review("authorization.k8s.io", "SubjectAccessReview", spec);
    return allowed === true ? "Allowed" : "Forbidden";
  }

  async #review(group: string, kind: string, spec: unknown): Promise<Record<string, unknown>> {
    const path = `/apis/${group}/v1/${kind.toLowerCase()}s`;
    const body = { apiVersion: `${group}/v1`, kind, spec };
    const answer = await this.#transport.json({ method: "POST", path, body });
    if (!isRecord(answer) || !isRecord(answer.status)) throw new Error(`the API server's answer is not a ${kind}`);
    return answer.status;
  }
}

/** The token of an Authorization header; undefined for any other scheme. */
export function bearerToken(header: string | undefined): string | undefined {
  return /^Bearer ([^\s]+)$/i.exec(header ?? "")?.[1];
}
