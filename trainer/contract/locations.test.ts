import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { artifactsUri, dataUri, inputLocations, modelUri, uriForms } from "./locations.ts";
import { baseModel, dataSource } from "./settings.ts";

const everywhere = [
  "pvc://models/base",
  "pvc://models",
  "file:///data/x.jsonl",
  "pvc://a-b/c_d/e.f",
  "s3://my.bucket/a",
];

describe("a URI", () => {
  test("a URI is accepted when its field supports that kind of place", () => {
    for (const uri of everywhere) {
      for (const schema of [modelUri, dataUri, artifactsUri]) assert.equal(schema.safeParse(uri).success, true, uri);
    }
    const cases: [string, [model: boolean, data: boolean, artifacts: boolean]][] = [
      ["hf://Qwen/Qwen3-8B", [true, false, false]],
      ["hf://datasets/acme/mails/train.jsonl", [false, true, false]],
      ["hf://datasets/acme/mails@v1.0/data/train.jsonl", [false, true, false]],
      ["hf://Qwen", [false, false, false]],
      ["hf://datasets/acme/mails/{train,test}-[0-9]?.jsonl", [false, true, false]],
      ["pvc://claim/*/[!a]?.{csv,tsv}", [false, true, false]],
    ];
    for (const [uri, accepted] of cases) {
      const found = [modelUri, dataUri, artifactsUri].map((schema) => schema.safeParse(uri).success);
      assert.deepEqual(found, accepted, uri);
    }
  });

  test("a URI cannot contain .., carry credentials or have an unsupported scheme", () => {
    for (const uri of [
      "pvc://models/../x",
      "pvc://models/./x",
      "pvc://u:p@models/x",
      "http://x/yyy",
      "pvc:///x/yy",
      "pvc://Models/x",
      "file://rel/x",
      "pvc://m//x",
      "pvc://m/x%3Fy=1",
      "s3://key:secret@bucket/x",
      "s3://bucket/../other",
      "s3://b/x",
      "s3://bucket/a#b",
      "hf://user@acme/model",
      "hf://acme/model/../../other/model",
      "hf://acme/model?revision=x",
      "hf://../model/x",
    ]) {
      for (const schema of [modelUri, dataUri, artifactsUri]) assert.equal(schema.safeParse(uri).success, false, uri);
    }
  });

  test("a URI with the scheme file:// is accepted outside a cluster only", () => {
    for (const { clusterPattern, pattern } of uriForms) {
      assert.equal(new RegExp(pattern).test("file:///a/b"), true);
      assert.equal(new RegExp(clusterPattern).test("file:///a/b"), false);
      assert.equal(new RegExp(clusterPattern).test("pvc://claim/a"), true);
    }
  });
});

describe("endpoint and secretRef", () => {
  const secretRef = { name: "keys" };

  test("endpoint and secretRef are accepted for remote stores only", () => {
    assert.equal(dataSource.safeParse({ uri: "s3://bucket/x.jsonl", secretRef }).success, true);
    assert.equal(dataSource.safeParse({ uri: "pvc://claim/x.jsonl", secretRef }).success, false);
    assert.equal(dataSource.safeParse({ uri: "pvc://claim/x.jsonl", endpoint: "https://x.example" }).success, false);
    assert.equal(baseModel.safeParse({ uri: "s3://bucket/x", revision: "main" }).success, false);
    assert.equal(baseModel.safeParse({ uri: "hf://a/b", revision: "refs/pr/1" }).success, true);
  });

  test("endpoint and secretRef reject user information and other extra parts in the endpoint", () => {
    for (const endpoint of ["https://u:p@s3.example", "ftp://s3.example", "https://s3.example?x", "s3.example"]) {
      assert.equal(dataSource.safeParse({ uri: "s3://bucket/x.jsonl", endpoint }).success, false, endpoint);
    }
  });

  test("endpoint and secretRef are collected from every remote input", () => {
    const found = inputLocations({
      baseModel: { uri: "hf://a/b", secretRef },
      dataset: {
        sources: [{ uri: "pvc://claim/x" }, { uri: "s3://b/x" }],
        validation: { uri: "s3://b/v", endpoint: "https://e" },
      },
      evaluation: { test: { uri: "file:///x" } },
    });
    assert.deepEqual(found, [
      { uri: "hf://a/b", secretRef },
      { uri: "s3://b/x" },
      { uri: "s3://b/v", endpoint: "https://e" },
    ]);
  });
});
