/**
 * Generates the page of states from the code: the steps of each decision in order, when each applies, and what it may
 * report. Pure.
 */
import { road as adapterRoad } from "../adapter/decide.ts";
import type { Verdict } from "../api/conditions.ts";
import type { DeclaredStep, Outcome } from "../api/outcome.ts";
import { road as jobRoad } from "../finetunejob/decide.ts";
import { road as runRoad } from "../finetunerun/decide.ts";
import { table } from "./table.ts";

const introduction = `# States

The states of each object. A reconcile reads everything first, then goes through these steps in order; the first step that
applies decides. The state is \`status.state\`; the reason is that of the condition \`Ready\`, whose message explains the state
and what you can do ([troubleshooting](user-guide/troubleshooting.md)).

Beside \`Ready\` an object has one of two conditions, as kstatus expects: \`Reconciling=True\` while the operator works on it,
and \`Stalled=True\` when it needs a person to continue. A step that waits for a person without a fault has neither.`;

export function statesPage(): string {
  return [
    introduction,
    "## FineTuneJob",
    "An invalid spec gives state `Invalid` and reason `InvalidSpec`, before all steps.",
    roadTable(jobRoad),
    facts,
    "## FineTuneRun",
    "`Succeeded` is Unknown until the run ends; then it stays True or False.",
    roadTable(runRoad),
    "## Adapter",
    "Each export has its own state in `status.exports`; these steps summarise them.",
    roadTable(adapterRoad),
    adapterFacts,
  ].join("\n\n");
}

const facts = `Three more conditions state facts about the present settings, whichever step decides:

- \`InputsResolved\`: True if the inputs are pinned by content, False if prepare failed to read them, else Unknown.
- \`Fits\`: the planner's answer; Unknown before the first plan, and if the operator knows no node to compare with.
- \`LastRunSucceeded\`: the result of the run that ended last.
- \`DataChecked\`, with spec.dataCheck: True if the last scheduled look at the data succeeded (reason \`Unchanged\` or \`Changed\`,
  with what moved), False if it failed, Unknown before the first one.

\`Promoted\` is False while \`spec.promotion\` does not promote the Adapter of the spec's settings, or a person deleted it and
another one stays promoted; else absent.`;

const adapterFacts = `\`Exported\` is True with \`Ready\`. \`Verified\` is True once an export has read the adapter with its digest and compared logits,
False if the adapter in the store is missing or altered, Unknown until an export has read it.`;

function roadTable(road: readonly DeclaredStep<unknown>[]): string {
  const rows = road.map(({ when, outcomes }, index) => [
    String(index + 1),
    when,
    outcomes.map(outcomeText).join("<br>") || "unchanged",
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
