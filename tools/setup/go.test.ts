import assert from "node:assert/strict";
import { test } from "node:test";
import { GO_BIN, goCaches, isNewEnough } from "./go.ts";

test("Go 1.25 or newer is accepted", () => {
  assert.ok(isNewEnough("go version go1.25.0 linux/amd64"));
  assert.ok(isNewEnough("go version go1.26.8 linux/amd64"));
  assert.ok(!isNewEnough("go version go1.24.9 linux/amd64"));
  assert.ok(!isNewEnough("go version go1.19.8 linux/amd64"));
  assert.ok(!isNewEnough("not go"));
});

test("the fetched Go is pinned and new enough", () => assert.ok(isNewEnough(`go version go${GO_BIN}`)));

test("Go's variables set its cache directories", () => {
  assert.deepEqual(goCaches({ GOPATH: "/a:/b", XDG_CACHE_HOME: "/c" }), {
    modules: "/a/pkg/mod",
    compiled: "/c/go-build",
  });
  assert.deepEqual(goCaches({ GOMODCACHE: "/m", GOCACHE: "/n" }), { modules: "/m", compiled: "/n" });
  assert.match(goCaches({}).modules, /\/go\/pkg\/mod$/);
});
