/**
 * Connections for the trainer's requests. They follow the usual variables $HTTPS_PROXY, $HTTP_PROXY and $NO_PROXY
 * (`proxy.ts`). In addition to Node's certificates they trust the file in $SSL_CERT_FILE and the PEM text in
 * $LUTHIER_CA_CERTIFICATES, which a pod can have without a volume. Node itself reads $NODE_EXTRA_CA_CERTS.
 */
import { readFileSync } from "node:fs";
import { getCACertificates } from "node:tls";
import { Agent, type Dispatcher, ProxyAgent } from "undici";
import { invalid, messageOf } from "../contract/failure.ts";
import { type Environment, proxyOf } from "./proxy.ts";

export interface Connections {
  dispatcher: Dispatcher;
  /** Host and port of the proxy to the server, without its password. */
  proxy: string | undefined;
}

/** One connection pool per proxy and set of certificates. */
const pools = new Map<string, Dispatcher>();

/** The connections to a server. Throws a failure that names the invalid variable. */
export function connectionsTo(url: string, environment: Environment = process.env): Connections {
  const proxy = proxyOf(url, environment);
  const { SSL_CERT_FILE: file, LUTHIER_CA_CERTIFICATES: text } = environment;
  const key = JSON.stringify([proxy, file, text]);
  const known = pools.get(key) ?? newPool(proxy, certificates(file, text));
  pools.set(key, known);
  return { dispatcher: known, proxy: proxy === undefined ? undefined : new URL(proxy).host };
}

function newPool(proxy: string | undefined, ca: string[] | undefined): Dispatcher {
  const tls = ca === undefined ? {} : { ca };
  // HTTP/1.1, because the stores are tested with its ranges and resets.
  if (proxy === undefined) return new Agent({ allowH2: false, connect: { ...tls, allowH2: false } });
  try {
    // Plain HTTP is forwarded, as curl does: many proxies tunnel to port 443 only.
    return new ProxyAgent({ uri: proxy, proxyTunnel: false, allowH2: false, requestTls: tls, proxyTls: tls });
  } catch (error) {
    throw invalid(
      "ProxyInvalid",
      `HTTPS_PROXY or HTTP_PROXY is not the URL of a proxy (http://HOST:PORT): ${messageOf(error)}`,
    );
  }
}

/** Node's certificates and the named ones; undefined when none are named. */
function certificates(file: string | undefined, text: string | undefined): string[] | undefined {
  const named = [...(file ? [readCertificates(file)] : []), ...(text ? [text] : [])];
  return named.length === 0 ? undefined : [...getCACertificates("default"), ...named];
}

function readCertificates(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw invalid("CertificatesUnreadable", `SSL_CERT_FILE cannot be read: ${messageOf(error)}`);
  }
}
