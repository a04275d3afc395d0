/** The operator's configuration from flags and environment. Pure. */
import { parseArgs } from "node:util";
import { type PodSettings, type PodVariables, parseVariables } from "./jobs/podSettings.ts";

export interface Configuration {
  /** The image of prepare, train and export pods. */
  trainerImage: string;
  /** Settings of those pods: proxies, certificates and the user. */
  pods: PodSettings;
  /** The limit of concurrent runs of each namespace; undefined: none. */
  concurrentRuns: number | undefined;
  /** Undefined: all namespaces. */
  namespace: string | undefined;
  /** Undefined: this process leads without an election. */
  leaderElection: { namespace: string; name: string } | undefined;
  /** Identity of this process in the Lease and in Events. */
  identity: string;
  /** Port of /healthz and /readyz, and of /metrics unless `secureMetrics` is set. */
  port: number;
  /** /metrics on a port of its own, over TLS and with authorization; directory of tls.crt and tls.key. */
  secureMetrics: { port: number; certificates: string } | undefined;
  /** Directory of `url` and `signingKey` of the webhook that gets events; undefined: none. */
  notifications: string | undefined;
  /** PEM certificates that the webhook's may be signed by, besides the public authorities. */
  certificates: string | undefined;
  logLevel: string;
}

export const help = `luthier-operator: turns FineTuneJobs into trained, exported and verified Adapters

Usage: node operator/main.ts --trainer-image IMAGE [OPTIONS]

Outside a cluster the API server comes from KUBECONFIG (or ~/.kube/config).

  --trainer-image IMAGE     image of the prepare, train and export pods   LUTHIER_TRAINER_IMAGE
  --trainer-env JSON        variables of those pods, {"HTTPS_PROXY": …}   LUTHIER_TRAINER_ENV
  --trainer-user UID        uid, gid and fsGroup of those pods (65532);   LUTHIER_TRAINER_USER
                            empty: the cluster chooses them
  --concurrent-runs N       at most N runs of a namespace at a time       LUTHIER_CONCURRENT_RUNS
                            (default: no limit)
  --namespace NAME          watch this namespace only (default: all)      LUTHIER_NAMESPACE
  --leader-elect            lead only while holding the Lease             LUTHIER_LEADER_ELECT=true
                            luthier-operator, or luthier-operator-NAME for one namespace
  --lease-namespace NAME    where the Lease is (default: POD_NAMESPACE, else default)
  --port PORT               /healthz, /readyz, /metrics (default 8080)    LUTHIER_PORT
  --metrics-certs DIR       serve /metrics over TLS with tls.crt and      LUTHIER_METRICS_CERTS
                            tls.key of DIR, for those who may get it
  --metrics-port PORT       port of /metrics over TLS (default 8443)      LUTHIER_METRICS_PORT
  --notifications DIR       send events to the webhook of DIR/url,        LUTHIER_NOTIFICATIONS
                            signed with DIR/signingKey
                            PEM certificates to trust besides the         LUTHIER_CA_CERTIFICATES
                            public ones
  --log-level LEVEL         trace debug info warn error (default info)    LUTHIER_LOG_LEVEL
  --help                    this text
`;

const logLevels = ["trace", "debug", "info", "warn", "error"];

export class UsageError extends Error {}

/** Flags take precedence over the environment. Throws `UsageError` with the fault; undefined if help was requested. */
export function readConfiguration(argv: readonly string[], env: NodeJS.ProcessEnv): Configuration | undefined {
  const flags = readFlags(argv);
  if (flags.help) return undefined;
  const trainerImage = flags["trainer-image"] ?? env.LUTHIER_TRAINER_IMAGE ?? "";
  if (trainerImage === "")
    throw new UsageError("--trainer-image (or LUTHIER_TRAINER_IMAGE) is needed: the image that trains");
  const leads = flags["leader-elect"] ?? env.LUTHIER_LEADER_ELECT === "true";
  const leaseNamespace = flags["lease-namespace"] ?? env.POD_NAMESPACE ?? "default";
  const namespace = (flags.namespace ?? env.LUTHIER_NAMESPACE) || undefined;
  const certificates = flags["metrics-certs"] ?? env.LUTHIER_METRICS_CERTS;
  return {
    trainerImage,
    pods: {
      variables: readVariables(flags["trainer-env"] ?? env.LUTHIER_TRAINER_ENV),
      user: readUser(flags["trainer-user"] ?? env.LUTHIER_TRAINER_USER ?? "65532"),
    },
    namespace,
    concurrentRuns: readLimit(flags["concurrent-runs"] ?? env.LUTHIER_CONCURRENT_RUNS ?? ""),
    leaderElection: leads ? { namespace: leaseNamespace, name: leaseName(namespace) } : undefined,
    identity: `${env.POD_NAME ?? env.HOSTNAME ?? "luthier-operator"}-${process.pid}`,
    port: readPort("--port", flags.port ?? env.LUTHIER_PORT ?? "8080"),
    secureMetrics: certificates
      ? { port: readPort("--metrics-port", flags["metrics-port"] ?? env.LUTHIER_METRICS_PORT ?? "8443"), certificates }
      : undefined,
    notifications: (flags.notifications ?? env.LUTHIER_NOTIFICATIONS) || undefined,
    certificates: env.LUTHIER_CA_CERTIFICATES || undefined,
    logLevel: readLevel(flags["log-level"] ?? env.LUTHIER_LOG_LEVEL ?? "info"),
  };
}

/** The Lease's name, by the watched namespace: operators of one namespace elect a leader among them. The chart has it too. */
const leaseName = (namespace: string | undefined) =>
  namespace === undefined ? "luthier-operator" : `luthier-operator-${namespace}`;

function readFlags(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        "trainer-image": { type: "string" },
        "trainer-env": { type: "string" },
        "trainer-user": { type: "string" },
        "concurrent-runs": { type: "string" },
        namespace: { type: "string" },
        "leader-elect": { type: "boolean" },
        "lease-namespace": { type: "string" },
        port: { type: "string" },
        "metrics-certs": { type: "string" },
        "metrics-port": { type: "string" },
        notifications: { type: "string" },
        "log-level": { type: "string" },
        help: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function readVariables(text = ""): PodVariables {
  const variables = parseVariables(text === "" ? "{}" : text);
  if (variables) return variables;
  throw new UsageError(
    '--trainer-env (or LUTHIER_TRAINER_ENV) is not a JSON object of texts: {"HTTPS_PROXY": "http://…"}',
  );
}

function readLimit(text: string): number | undefined {
  if (text === "") return undefined;
  const limit = Number(text);
  if (Number.isInteger(limit) && limit > 0) return limit;
  throw new UsageError(
    `--concurrent-runs: ${text} is not a number of runs: use 1 or more, or leave it out for no limit`,
  );
}

function readUser(text: string): number | undefined {
  if (text === "") return undefined;
  const user = Number(text);
  if (Number.isInteger(user) && user > 0 && user < 2 ** 31) return user;
  throw new UsageError(`--trainer-user: ${text} is not the uid of a user other than root`);
}

function readPort(flag: string, text: string): number {
  const port = Number(text);
  if (text === "" || !Number.isInteger(port) || port < 0 || port > 65_535)
    throw new UsageError(`${flag}: ${text} is not a port`);
  return port;
}

function readLevel(text: string): string {
  if (!logLevels.includes(text))
    throw new UsageError(`--log-level: ${text} is not a log level: use one of ${logLevels.join(", ")}`);
  return text;
}
