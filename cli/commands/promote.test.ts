/** The Adapter that promote and rollback choose, and the Git tool that they leave the choice to. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Adapter } from "../../operator/api/kinds.ts";
import { annotations } from "../../operator/api/names.ts";
import { anAdapter, aPinnedJob, aRun } from "../../operator/testing/builders.ts";
import { gitOwner } from "../gitOwner.ts";
import { historyOf } from "./history.ts";
import { chosenAdapter, earlierAdapter } from "./promote.ts";

function revision(number: number, promotedAt?: string): Adapter {
  const one = anAdapter(aPinnedJob(), aRun(aPinnedJob()));
  return {
    ...one,
    metadata: {
      ...one.metadata,
      name: `bot-${number}`,
      annotations: promotedAt === undefined ? {} : { [annotations.promotedAt]: promotedAt },
    },
    spec: { ...one.spec, revision: number },
  };
}
const adapters = [revision(4), revision(3, "2026-01-03T00:00:00Z"), revision(2, "2026-01-02T00:00:00Z"), revision(1)];
const bot = aPinnedJob();
const status = { promotedAdapterRef: { name: "bot-3" }, currentRunRef: { name: "r", uid: "u", adapterName: "bot-4" } };
const job = { ...bot, status: { ...bot.status, ...status } };

test("promote takes the Adapter of the present settings, or the named one of this job", () => {
  assert.equal(chosenAdapter(job, adapters, undefined), "bot-4");
  assert.equal(chosenAdapter(job, adapters, "bot-1"), "bot-1");
  assert.throws(
    () => chosenAdapter(job, adapters, "bat-1"),
    /no Adapter bat-1 \(did you mean bot-1\?\); it has: bot-4, /,
  );
  assert.throws(() => chosenAdapter(bot, [], undefined), /no Adapter of its present settings: name one of none/);
});

test("rollback takes the Adapter that was promoted before the present one, or a revision", () => {
  assert.equal(earlierAdapter(job, adapters, undefined), "bot-2");
  assert.equal(earlierAdapter(job, adapters, "1"), "bot-1");
  assert.throws(() => earlierAdapter(job, adapters, "9"), /--to 9: bot has no such revision; it has: 4, 3, 2, 1/);
  assert.throws(
    () => earlierAdapter(job, [revision(3, "2026-01-03T00:00:00Z")], undefined),
    /no other Adapter of bot was/,
  );
});

test("history marks the promoted revision, and lists runs without an Adapter first", () => {
  const rows = historyOf(job, adapters, []);
  assert.deepEqual(
    rows.filter(({ promoted }) => promoted).map(({ name }) => name),
    ["bot-3"],
  );
  assert.equal(rows.length, 4);
});

const owners: [string, Parameters<typeof gitOwner>, string | undefined][] = [
  ["kubectl", [{ name: "a" }, ["kubectl-client-side-apply", "luthier-finetunejob"]], undefined],
  ["Flux, by its label", [{ name: "a", labels: { "kustomize.toolkit.fluxcd.io/name": "apps" } }, []], "Flux"],
  ["Flux, as the writer", [{ name: "a" }, ["kustomize-controller"]], "Flux"],
  [
    "Argo CD, by its annotation",
    [{ name: "a", annotations: { "argocd.argoproj.io/tracking-id": "x" } }, []],
    "Argo CD",
  ],
  ["Argo CD, as the writer", [{ name: "a" }, ["argocd-controller"]], "Argo CD"],
];
for (const [name, given, expected] of owners) {
  test(`an object of ${name} belongs to ${expected ?? "nobody in Git"}`, () =>
    assert.equal(gitOwner(...given), expected));
}
