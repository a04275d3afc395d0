import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "yaml";
import { pinImages } from "./values.ts";

const values = readFileSync(new URL("../charts/luthier/values.yaml", import.meta.url), "utf8");
const digest = `sha256:${"a".repeat(64)}`;

test("a release's chart names its images by digest and keeps all other values and comments", () => {
  const operator = `registry.example/team/luthier-operator:1.2.3@${digest}`;
  const trainer = `registry.example:5000/team/luthier-trainer:1.2.3@${digest}`;
  const pinned = pinImages(values, { operator, trainer });
  const { images, ...rest } = parse(pinned);
  assert.deepEqual(images.operator, {
    registry: "registry.example",
    repository: "team/luthier-operator",
    tag: "1.2.3",
    digest,
  });
  assert.equal(images.trainer.registry, "registry.example:5000");
  const { images: before, ...others } = parse(values);
  assert.deepEqual([rest, images.pullPolicy], [others, before.pullPolicy]);
  assert.match(pinned, /# Watch only this namespace/);
});

test("an image without a digest is refused", () => {
  assert.throws(() => pinImages(values, { operator: "registry.example/team/luthier-operator:1" }), /with its digest/);
});
