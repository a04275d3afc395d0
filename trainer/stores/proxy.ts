/**
 * Selects the proxy for a server by the rules of Go's net/http, which kubectl follows too: $HTTPS_PROXY or
 * $HTTP_PROXY by the URL's scheme, unless $NO_PROXY names the host: a name (its subdomains too), an address, a range in
 * CIDR notation, each with a port if wanted, or `*`. Loopback is never proxied. Pure.
 */
import { BlockList, isIP } from "node:net";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The proxy's URL; undefined: no proxy. */
export function proxyOf(server: string, environment: Environment): string | undefined {
  const url = new URL(server);
  const host = url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  const proxy = variable(environment, url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY");
  if (proxy === undefined || isLoopback(host)) return undefined;
  const exempt = (variable(environment, "NO_PROXY") ?? "").split(",").map((word) => word.trim().toLowerCase());
  if (exempt.some((word) => word !== "" && names(word, host, port))) return undefined;
  return proxy.includes("://") ? proxy : `http://${proxy}`;
}

const variable = (environment: Environment, name: string) =>
  environment[name] || environment[name.toLowerCase()] || undefined;

const isLoopback = (host: string) => host === "localhost" || within("127.0.0.0/8", host) || host === "::1";

/** Whether one entry of $NO_PROXY matches this host. */
function names(word: string, host: string, port: string): boolean {
  if (word === "*") return true;
  if (word.includes("/")) return within(word, host);
  const [, name = word, wanted] = isIP(word) ? [] : (/^\[?(.*?)\]?(?::(\d+))?$/.exec(word) ?? []);
  if (wanted !== undefined && wanted !== port) return false;
  if (isIP(name)) return name === host;
  const domain = name.replace(/^\*?\./, "");
  return (host === domain && domain === name) || host.endsWith(`.${domain}`);
}

function within(range: string, host: string): boolean {
  const [network = "", bits = ""] = range.split("/");
  const [family, version] = [isIP(network), isIP(host)];
  if (family === 0 || family !== version || !/^\d+$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128))
    return false;
  const list = new BlockList();
  const kind = family === 4 ? "ipv4" : "ipv6";
  list.addSubnet(network, Number(bits), kind);
  return list.check(host, kind);
}
