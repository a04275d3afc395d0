import assert from "node:assert/strict";
import { test } from "node:test";
import { nameIn } from "./push.ts";

test("a pushed image keeps the last part of its name and its tag", () => {
  assert.equal(
    nameIn("registry.example/team", "localhost/luthier-operator:ab"),
    "registry.example/team/luthier-operator:ab",
  );
  assert.equal(
    nameIn("registry.example:5000/", "localhost/luthier-trainer:ab"),
    "registry.example:5000/luthier-trainer:ab",
  );
});
