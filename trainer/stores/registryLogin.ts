/**
 * Logins in Docker's configuration (`config.json`, the key `.dockerconfigjson` of a Secret): found by registry, or by a
 * part of the repository's path. Pure. No message contains a password.
 */
import { z } from "zod";
import { invalid } from "../contract/failure.ts";
import type { Repository } from "./registryReference.ts";
import { jsonOf } from "./sealed.ts";

export interface Login {
  username: string;
  password: string;
}

const entry = z.looseObject({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
});
const configuration = z.looseObject({ auths: z.record(z.string(), entry).optional() });

/** The login of the longest name that matches the repository; undefined when the configuration has none. */
export function loginFor(text: string, { host, name }: Pick<Repository, "host" | "name">): Login | undefined {
  const parsed = configuration.safeParse(jsonOf(Buffer.from(text)));
  if (!parsed.success)
    throw invalid(
      "CredentialsInvalid",
      `the login for ${host} is not in the form of Docker's config.json; make the Secret with kubectl create secret docker-registry`,
    );
  const wanted = `${host}/${name}`;
  const [found] = Object.entries(parsed.data.auths ?? {})
    .map(([server, login]) => ({ server: nameOf(server), login }))
    .filter(({ server }) => wanted === server || wanted.startsWith(`${server}/`))
    .sort((a, b) => b.server.length - a.server.length);
  if (!found) return undefined;
  const login = readLogin(found.login);
  if (login) return login;
  throw invalid(
    "CredentialsInvalid",
    `the login for ${found.server} has no user name and password: log in with a user name and a password or token, and without a credential helper`,
  );
}

/** Keys may be URLs of the first version of the registry's protocol, such as Docker Hub's. */
function nameOf(server: string): string {
  const name = server.replace(/^https?:\/\//, "").replace(/\/(v[12]\/?)?$/, "");
  return name === "index.docker.io" ? "docker.io" : name;
}

function readLogin({ auth, username, password }: z.infer<typeof entry>): Login | undefined {
  if (username && password) return { username, password };
  const [, name, secret] = /^([^:]+):([\s\S]+)$/.exec(Buffer.from(auth ?? "", "base64").toString("utf8")) ?? [];
  return name !== undefined && secret !== undefined ? { username: name, password: secret } : undefined;
}
