/**
 * The page of states, printed from the code: the steps of each decision in their order, when each applies, and what it may
 * then say. Pure.
 */
import { road as adapterRoad } from "../adapter/decide.ts";
import type { Verdict } from "../api/conditions.ts";
import type { DeclaredStep, Outcome } from "../api/outcome.ts";
import { road as jobRoad } from "../finetunejob/decide.ts";
import { road as runRoad } from "../finetunerun/decide.ts";
import { table } from "./table.ts";

const introduction = `# States

What each object may say of itself. A reconcile reads everything first, then goes through these steps in order; the first
that applies decides. The state is \`status.state\`; the reason is that of the condition \`Ready\`, whose message says what is
going on and what a person can do ([troubleshooting](user-guide/troubleshooting.md)).

Beside \`Ready\` one of two conditions is there, as kstatus reads them: \`Reconciling=True\` while something is being done, and
\`Stalled=True\` when nothing further happens until a person acts. A step that waits for a person without anything being wrong
has neither.`;

export function statesPage(): string {
  return [
    introduction,
    "## FineTuneJob",
    "A spec that cannot be read is `Invalid`, with reason `InvalidSpec`, before any step.",
    roadTable(jobRoad),
    facts,
    "## FineTuneRun",
    "`Succeeded` is Unknown until it is decided; then it is True or False for good.",
    roadTable(runRoad),
    "## Adapter",
    "Each export has a state of its own in `status.exports`; these steps sum them up.",
    roadTable(adapterRoad),
    adapterFacts,
  ].join("\n\n");
}

const facts = `Three more conditions say what is known of the settings that are wanted now, whatever step decides:

- \`InputsResolved\`: True when the inputs are pinned by content, False when they could not be read, else Unknown.
- \`Fits\`: the planner's answer; Unknown while nothing was planned, and when no node is known to compare with.
- \`LastRunSucceeded\`: how the run that ended last ended.`;

const adapterFacts = `\`Exported\` is True with \`Ready\`. \`Verified\` is True once an export has read the adapter with its digest and compared logits,
False when the adapter in the store is gone or altered, Unknown while nothing has read it.`;

function roadTable(road: readonly DeclaredStep<unknown>[]): string {
  const rows = road.map(({ when, outcomes }, index) => [
    String(index + 1),
    when,
    outcomes.map(outcomeText).join("<br>") || "as it was",
  ]);
  return table(["", "When", "Then: state, reason, condition beside `Ready`"], rows);
}

const beside: Readonly<Record<Verdict, string>> = {
  Ready: "`Ready=True`",
  Reconciling: "`Reconciling`",
  Stalled: "`Stalled`",
  Waiting: "neither",
};

const outcomeText = ({ verdict, state, reason }: Outcome) => `${word(state)}, ${word(reason)}, ${beside[verdict]}`;
const word = (text: string) => (text.startsWith("* ") ? text.slice(2) : `\`${text}\``);
