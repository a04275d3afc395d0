/**
 * The operator's process: configuration, HTTP, then the manager until a signal. Exit codes: 0 stopped, 1 failure or
 * lost leadership (Kubernetes restarts the container), 2 wrong usage.
 */
import { KubeConfig } from "@kubernetes/client-node";
import { pino } from "pino";
import { type Configuration, help, readConfiguration, UsageError } from "./configuration.ts";
import { newOperator } from "./operator.ts";
import { serveHttp, serveSecureMetrics } from "./runtime/httpServer.ts";
import { kubeconfigFault } from "./runtime/kubeconfigFault.ts";

function configuration(): Configuration | undefined {
  try {
    return readConfiguration(process.argv.slice(2), process.env);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${help}`);
    process.exit(2);
  }
}

async function main(): Promise<void> {
  const settings = configuration();
  if (settings === undefined) {
    process.stdout.write(help);
    return;
  }
  const log = pino({ level: settings.logLevel, serializers: { error: pino.stdSerializers.err } });
  const kubeConfig = new KubeConfig();
  try {
    kubeConfig.loadFromDefault();
  } catch (error) {
    process.stderr.write(`the kubeconfig cannot be read: ${kubeconfigFault(error)}\n`);
    process.exit(2);
  }
  const { manager, metrics, authorizer } = newOperator(kubeConfig, settings, log);
  const { secureMetrics } = settings;
  const servers = [
    await serveHttp(settings.port, manager, secureMetrics ? undefined : { metrics, log }),
    ...(secureMetrics ? [await serveSecureMetrics({ ...secureMetrics, authorizer, metrics, log })] : []),
  ];
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
  const { trainerImage, namespace = "all" } = settings;
  log.info({ trainerImage, namespace, port: settings.port }, "luthier operator starts");
  const end = await manager.run(stop.signal);
  for (const server of servers) server.close();
  log.info({ end }, "luthier operator ends");
  process.exit(end === "stopped" ? 0 : 1);
}

await main();
