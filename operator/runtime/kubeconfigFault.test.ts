import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { KubeConfig } from "@kubernetes/client-node";
import { temporaryDirectory } from "../../trainer/testing/temporary.ts";
import { kubeconfigFault } from "./kubeconfigFault.ts";

const texts: [name: string, text: string, expected: RegExp][] = [
  ["a key without a colon", "users:\n- name: me\n  user: {token: hidden\n", /^it is not YAML: line \d+, column \d+$/],
  ["a tab", "users:\n\t- token: hidden\n", /^it is not YAML: line 2, column \d+$/],
  ["a text that does not end", 'token: "hidden\n', /^it is not YAML: line \d+, column \d+$/],
  ["a text", "hidden", /^it is not a kubeconfig/],
  ["nothing", "", /^it is not a kubeconfig/],
  ["a list", "[hidden]", /^it is not a kubeconfig|^clusters/],
  [
    "a cluster without a server",
    "clusters: [{name: hidden, cluster: {}}]",
    /^clusters\[0\]\.cluster\.server is missing$/,
  ],
];
for (const [name, text, expected] of texts) {
  test(`${name}: the message contains none of its lines`, async (t) => {
    const file = `${await temporaryDirectory(t)}/config`;
    writeFileSync(file, text);
    const message = faultAt(file);
    if (message !== "") assert.match(message, expected);
    assert.equal(message.includes("hidden"), false, message);
  });
}

test("the message names a missing file or a directory", async (t) => {
  const directory = await temporaryDirectory(t);
  mkdirSync(`${directory}/config`);
  assert.match(faultAt(`${directory}/config`), /EISDIR/);
  assert.match(faultAt(`${directory}/none`), /ENOENT.*none/);
});

function faultAt(file: string): string {
  try {
    new KubeConfig().loadFromFile(file);
    return "";
  } catch (error) {
    return kubeconfigFault(error);
  }
}
