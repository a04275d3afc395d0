import assert from "node:assert/strict";
import { test } from "node:test";
import { type Environment, proxyOf } from "./proxy.ts";

const proxied = (noProxy = ""): Environment => ({ HTTPS_PROXY: "http://proxy:3128", NO_PROXY: noProxy });
const server = "https://api.example.com:6443";
const through = "http://proxy:3128";

const rows: [name: string, server: string, environment: Environment, expected: string | undefined][] = [
  ["no proxy is set", server, {}, undefined],
  ["a proxy is set", server, proxied(), through],
  ["it is set in small letters", server, { https_proxy: "http://proxy:3128" }, through],
  ["its scheme is left out", server, { HTTPS_PROXY: "proxy:3128" }, through],
  ["it is set to nothing", server, { HTTPS_PROXY: "" }, undefined],
  ["it is for another scheme", server, { HTTP_PROXY: "http://proxy:3128" }, undefined],
  ["the server speaks HTTP", "http://api", { HTTP_PROXY: "http://proxy:3128" }, through],
  ["all are exempt", server, proxied("*"), undefined],
  ["the host is exempt", server, proxied("other, API.example.com"), undefined],
  ["its domain is exempt", server, proxied("example.com"), undefined],
  ["subdomains are exempt", server, proxied(".example.com"), undefined],
  ["subdomains by an asterisk are exempt", server, proxied("*.example.com"), undefined],
  ["only subdomains are exempt, and the host is not one", "https://example.com", proxied(".example.com"), through],
  ["a name that only ends alike is exempt", server, proxied("ample.com"), through],
  ["its port is exempt", server, proxied("example.com:6443"), undefined],
  ["another port is exempt", server, proxied("example.com:443"), through],
  ["its address is exempt", "https://198.18.0.2:6443", proxied("198.18.0.2"), undefined],
  ["its range is exempt", "https://198.19.7.2:6443", proxied("198.18.0.0/15"), undefined],
  ["another range is exempt", "https://198.20.7.2:6443", proxied("198.18.0.0/15"), through],
  ["an IPv6 range is exempt", "https://[fd00::5]:6443", proxied("fd00::/8"), undefined],
  ["an IPv6 address is exempt", "https://[fd00::5]:6443", proxied("fd00::5"), undefined],
  ["an invalid range is reported by name", server, proxied("198.18.0.0/99,example/8"), through],
  ["it is this machine", "https://127.0.0.1:6443", proxied(), undefined],
  ["it is this machine by name", "https://localhost:6443", proxied(), undefined],
];
for (const [name, url, environment, expected] of rows) {
  test(`${name}: ${expected ?? "direct"}`, () => assert.equal(proxyOf(url, environment), expected));
}
