/** An HTTP server in place of the API server, for faults that a healthy one does not have. */
import { createServer, type RequestListener } from "node:http";
import { KubeConfig } from "@kubernetes/client-node";
import { Transport } from "../runtime/transport.ts";

export async function withServer(
  listener: RequestListener,
  use: (transport: Transport) => Promise<void>,
): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  const config = new KubeConfig();
  // The client library needs an explicit setting to work without TLS.
  const cluster = { name: "c", server: `http://127.0.0.1:${address.port}`, skipTLSVerify: true };
  config.loadFromClusterAndUser(cluster, { name: "u", token: "secret" });
  const transport = new Transport(config, { userAgent: "test" });
  try {
    await use(transport);
  } finally {
    await transport.close();
    server.closeAllConnections();
    server.close();
  }
}
