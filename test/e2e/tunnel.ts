/** An HTTP proxy on this machine that supports only CONNECT. */
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";

export interface Tunnel {
  readonly url: string;
  /** The number of its tunnels so far. */
  connections(): number;
  close(): void;
}

export async function startTunnel(): Promise<Tunnel> {
  let count = 0;
  const server = createServer();
  server.on("connect", ({ url = "" }, client) => {
    count++;
    const [host, port] = url.split(":");
    const upstream = connect(Number(port), host ?? "", () =>
      client.write("HTTP/1.1 200 Connection Established\r\n\r\n"),
    );
    for (const [one, other] of [[client, upstream] as const, [upstream, client] as const]) {
      one.pipe(other).on("error", () => one.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, connections: () => count, close: () => server.close() };
}
