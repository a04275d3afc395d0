/**
 * Credentials saved on this machine by other programs: profiles of AWS' tools (~/.aws/credentials, ~/.aws/config,
 * selected by AWS_PROFILE), the token of the hub's log-in, and the logins at registries of docker, podman and buildah. A key and its secret always come from the same place,
 * never one from the environment and one from a file. Profiles that get keys elsewhere (roles, single sign-on,
 * processes) are not supported.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { registryKey } from "../contract/locations.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const keyNames = {
  AWS_ACCESS_KEY_ID: "aws_access_key_id",
  AWS_SECRET_ACCESS_KEY: "aws_secret_access_key",
  AWS_SESSION_TOKEN: "aws_session_token",
} as const;
const settingNames = { AWS_REGION: "region", AWS_ENDPOINT_URL: "endpoint_url" } as const;

/** Saved credentials by their variable names; those that the environment sets are omitted. */
export async function savedCredentials(environment: Environment): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const home = environment.HOME ?? "";
  const [profile, token, registries] = await Promise.all([
    profileOf(environment, home),
    hubToken(environment, home),
    registryLogins(environment, home),
  ]);
  const take = (names: Readonly<Record<string, string>>) => {
    for (const [name, own] of Object.entries(names)) {
      const value = profile.get(own);
      if (value !== undefined && !environment[name]) found.set(name, value);
    }
  };
  take(settingNames);
  if (!environment.AWS_ACCESS_KEY_ID && !environment.AWS_SECRET_ACCESS_KEY) take(keyNames);
  if (token !== undefined) found.set("HF_SAVED_TOKEN", token);
  if (registries !== undefined) found.set(registryKey, registries);
  return found;
}

/** Settings of the profile; its credentials file takes precedence over its configuration file. */
async function profileOf(environment: Environment, home: string): Promise<ReadonlyMap<string, string>> {
  const name = environment.AWS_PROFILE || "default";
  const at = (file: string) => path.join(home, ".aws", file);
  const [config, credentials] = await Promise.all([
    textOf(environment.AWS_CONFIG_FILE || at("config")),
    textOf(environment.AWS_SHARED_CREDENTIALS_FILE || at("credentials")),
  ]);
  const section = name === "default" ? name : `profile ${name}`;
  return new Map([...sectionOf(config, section), ...sectionOf(credentials, name)]);
}

/** The settings of an INI file's section, without indented ones, which belong to the setting above them. */
function sectionOf(text: string, section: string): [string, string][] {
  const settings: [string, string][] = [];
  let inside = false;
  for (const line of text.split(/\r?\n/)) {
    const header = /^\[\s*(.*?)\s*\]/.exec(line)?.[1]?.replace(/\s+/g, " ");
    if (header !== undefined) inside = header === section;
    const [, key, value] = /^([A-Za-z_]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (inside && key !== undefined && value) settings.push([key.toLowerCase(), value]);
  }
  return settings;
}

/** The token's file, as the hub's tools place it. */
async function hubToken(environment: Environment, home: string): Promise<string | undefined> {
  const cache = environment.XDG_CACHE_HOME || path.join(home, ".cache");
  const file = environment.HF_TOKEN_PATH || path.join(environment.HF_HOME || path.join(cache, "huggingface"), "token");
  return (await textOf(file)).trim() || undefined;
}

/** The logins of docker, else those of podman and buildah. */
async function registryLogins(environment: Environment, home: string): Promise<string | undefined> {
  const { DOCKER_CONFIG: docker, REGISTRY_AUTH_FILE: named, XDG_RUNTIME_DIR: runtime } = environment;
  const files = [
    ...(named ? [named] : []),
    path.join(docker || path.join(home, ".docker"), "config.json"),
    ...(runtime ? [path.join(runtime, "containers", "auth.json")] : []),
  ];
  const texts = await Promise.all(files.map(textOf));
  return texts.find((text) => text.trim() !== "");
}

const textOf = (file: string) => readFile(file, "utf8").catch(() => "");
