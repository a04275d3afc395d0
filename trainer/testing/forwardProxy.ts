/**
 * A forward proxy for tests, in a process of its own: `node forwardProxy.ts ADDRESS`. It prints its address, then the
 * first line of each request. It sends every request to ADDRESS, whatever its host; without ADDRESS it answers 502.
 */
import { createServer, request as send } from "node:http";
import { connect } from "node:net";

const [host = "", port = ""] = (process.argv[2] ?? "").split(":");
const print = (line: string) => process.stdout.write(`${line}\n`);

const server = createServer((request, response) => {
  print(`${request.method} ${request.url}`);
  if (host === "") return void response.writeHead(502).end();
  const { pathname, search } = new URL(request.url ?? "/", "http://proxy");
  const onward = send(
    { host, port, path: `${pathname}${search}`, method: request.method, headers: request.headers },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    },
  );
  onward.on("error", () => response.destroy());
  request.pipe(onward);
});

server.on("connect", (request, client) => {
  print(`CONNECT ${request.url}`);
  if (host === "") return client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
  const onward = connect(Number(port), host, () => {
    client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
    onward.pipe(client);
    client.pipe(onward);
  });
  for (const end of [client, onward]) end.on("error", () => [client, onward].forEach((one) => void one.destroy()));
});

server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") print(`http://127.0.0.1:${address.port}`);
});
