import assert from "node:assert/strict";
import { test } from "node:test";
import { challengeOf } from "./registryAuth.ts";
import { loginFor } from "./registryLogin.ts";
import { repositoryOf } from "./registryReference.ts";

const auth = (text: string) => ({ auth: Buffer.from(text).toString("base64") });
const config = JSON.stringify({
  auths: {
    "registry.example": auth("wide:one"),
    "registry.example/team": { username: "narrow", password: "two:three" },
    "https://index.docker.io/v1/": auth("hub:four:five"),
    "helper.example": {},
  },
});

test("the login is that of the longest name that is the repository's registry or a part of its path", () => {
  const cases: [host: string, name: string, username: string | undefined, password: string | undefined][] = [
    ["registry.example", "other/bot", "wide", "one"],
    ["registry.example", "team/bot", "narrow", "two:three"],
    ["registry.example", "teammates/bot", "wide", "one"],
    ["docker.io", "library/bot", "hub", "four:five"],
    ["another.example", "team/bot", undefined, undefined],
  ];
  for (const [host, name, username, password] of cases) {
    const login = loginFor(config, { host, name });
    assert.deepEqual([login?.username, login?.password], [username, password], `${host}/${name}`);
  }
});

test("a login without a password, and text that is no configuration, are refused without their content", () => {
  const of = (text: string) => () => loginFor(text, { host: "helper.example", name: "bot" });
  assert.throws(of(config), { reason: "CredentialsInvalid", message: /helper\.example has no user name/ });
  assert.throws(of('{"auths": ["s3cret"]}'), ({ reason, message }) => {
    assert.doesNotMatch(message, /s3cret/);
    return reason === "CredentialsInvalid";
  });
});

test("a repository's address follows from its URI", () => {
  const cases: [uri: string, endpoint: string | undefined, address: string][] = [
    ["oci://registry.example/team/bot", undefined, "https://registry.example team/bot"],
    ["oci://registry.example:5000/bot", undefined, "https://registry.example:5000 bot"],
    ["oci://127.0.0.1:5000/bot", undefined, "http://127.0.0.1:5000 bot"],
    ["oci://localhost/bot", undefined, "http://localhost bot"],
    ["oci://127.0.0.1.example/bot", undefined, "https://127.0.0.1.example bot"],
    ["oci://docker.io/bot", undefined, "https://registry-1.docker.io library/bot"],
    ["oci://docker.io/team/bot", undefined, "https://registry-1.docker.io team/bot"],
    ["oci://registry.example/bot", "http://10.0.0.1:5000/", "http://10.0.0.1:5000 bot"],
  ];
  for (const [uri, endpoint, address] of cases) {
    const repository = repositoryOf(uri, endpoint);
    assert.equal(`${repository.endpoint} ${repository.name}`, address);
  }
});

test("a challenge has a scheme and parameters", () => {
  const header = 'Bearer realm="https://auth.example/token",service="a b",scope="repository:x:pull,push"';
  const challenge = challengeOf(header);
  assert.equal(challenge?.scheme, "bearer");
  assert.deepEqual(Object.fromEntries(challenge?.parameters ?? []), {
    realm: "https://auth.example/token",
    service: "a b",
    scope: "repository:x:pull,push",
  });
  assert.equal(challengeOf('Basic realm="x"')?.scheme, "basic");
  assert.equal(challengeOf(""), undefined);
});
