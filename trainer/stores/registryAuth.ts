/**
 * Authorisation at a registry: the header that its challenge asks for. `Basic` takes the login as it is; `Bearer` exchanges it
 * for a token of the named service, which is asked for again once the registry refuses it. Without a login a token is
 * asked for anonymously.
 */
import { z } from "zod";
import { exitCode } from "../contract/exitCodes.ts";
import { StageFailure } from "../contract/failure.ts";
import { registryKey } from "../contract/locations.ts";
import type { CredentialSource } from "./credentials.ts";
import { bytesOf, exchange, type Patience } from "./http.ts";
import { type Login, loginFor } from "./registryLogin.ts";
import type { Repository } from "./registryReference.ts";
import { jsonOf } from "./sealed.ts";

/** The authorisation that a response with status 401 requires. */
export interface Challenge {
  scheme: string;
  parameters: ReadonlyMap<string, string>;
}

/** The first challenge of a `WWW-Authenticate` header. */
export function challengeOf(header: string): Challenge | undefined {
  const [, scheme, rest] = /^\s*([A-Za-z]+)(?:\s+(.*))?$/s.exec(header) ?? [];
  if (scheme === undefined) return undefined;
  const parameters = [...(rest ?? "").matchAll(/([A-Za-z_]+)="([^"]*)"/g)];
  return {
    scheme: scheme.toLowerCase(),
    parameters: new Map(parameters.map(([, name = "", value = ""]) => [name.toLowerCase(), value])),
  };
}

const answer = z.looseObject({ token: z.string().optional(), access_token: z.string().optional() });

export interface AuthOptions {
  repository: Repository;
  credentials: CredentialSource;
  patience: Patience;
}

export class RegistryAuth {
  readonly #options: AuthOptions;
  #header: string | undefined;

  constructor(options: AuthOptions) {
    this.#options = options;
  }

  /** The header of the last answered challenge. */
  get header(): string | undefined {
    return this.#header;
  }

  /** Reads the credentials again; true when they changed. */
  async renew(): Promise<boolean> {
    return await this.#options.credentials.renew();
  }

  /** Answers a challenge; false when there is nothing to answer it with. Throws `Transient`. */
  async meet({ scheme, parameters }: Challenge): Promise<boolean> {
    const login = await this.#login();
    if (scheme === "bearer") this.#header = `Bearer ${await this.#token(parameters, login)}`;
    else if (scheme === "basic" && login) this.#header = basic(login);
    else return false;
    return true;
  }

  async #login(): Promise<Login | undefined> {
    const text = (await this.#options.credentials.get()).get(registryKey);
    return text === undefined ? undefined : loginFor(text, this.#options.repository);
  }

  async #token(parameters: Challenge["parameters"], login: Login | undefined): Promise<string> {
    const { repository, patience } = this.#options;
    const url = this.#realm(parameters.get("realm") ?? "");
    const service = parameters.get("service");
    if (service !== undefined) url.searchParams.set("service", service);
    url.searchParams.set("scope", parameters.get("scope") ?? `repository:${repository.name}:pull,push`);
    const headers = login ? { authorization: basic(login) } : {};
    const response = await exchange({ url, headers }, patience);
    const parsed = answer.safeParse(jsonOf(await bytesOf(response)));
    const token = parsed.data?.token ?? parsed.data?.access_token;
    if (response.status === 200 && token !== undefined) return token;
    throw new StageFailure(
      exitCode.storeUnreachable,
      "AccessDenied",
      `oci://${repository.host}/${repository.name}: ${url.host} gives no token (${response.status}); check secretRef and the login in its Secret`,
    );
  }

  /** The token's service gets the password, so it must be as private as the registry itself. */
  #realm(text: string): URL {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const { host, endpoint } = this.#options.repository;
    if (url?.protocol === "https:" || (url?.protocol === "http:" && endpoint.startsWith("http:"))) return url;
    throw new StageFailure(
      exitCode.storeUnreachable,
      "StoreUnsuitable",
      `${host}: the registry names no https address for tokens (${text})`,
    );
  }
}

const basic = ({ username, password }: Login) => `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
