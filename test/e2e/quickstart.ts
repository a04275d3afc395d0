/**
 * Runs the demo's own code, from its volumes to its last line, in a namespace in parallel with other tests: a base model that
 * cannot do the task learns it, and the output reports this correctly; also tests typed commands of the command line.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { firstOfEach } from "../../demo/beforeAfter.ts";
import { demo } from "../../demo/places.ts";
import { quickstartStages, showQuickstart } from "../../demo/quickstart.ts";
import type { Session } from "../../terminal/command.ts";
import { createScreen } from "../../terminal/screen.ts";
import { runStages } from "../../terminal/stages.ts";
import type { Bench, Team } from "./bench.ts";
import { type Output, onTerminal, shell } from "./commandLine.ts";
import { assertMessages, Messages } from "./messages.ts";
import { startTunnel } from "./tunnel.ts";

const job = "spam-or-ham";

/** A session that records its output. */
function keptSession() {
  const kept = { progress: "", results: "" };
  const target = { write: (text: string) => (kept.progress += text) };
  const write = (text: string) => {
    kept.results += text;
  };
  const session: Session = { screen: createScreen(target), write, signal: new AbortController().signal };
  return { kept, session };
}

/** In order. */
const eventsOfJob = [
  ...["ResolvingInputs", "InputsResolved", "Starting", "Pending", "Training"],
  ...["AdapterCreated", "Exporting", "AdapterReady"],
];

export function quickstartTests(bench: () => Bench): void {
  let team: Team;
  let environment: NodeJS.ProcessEnv;
  let progress: string;
  let results: string;
  /** Its answers to the held-out e-mails of the demo's table, in order. */
  let answers: string[];
  let watched: Output;
  let interrupted: Output;
  let messages: Messages;
  const luthier = (line: string) => `npx --no-install luthier ${line} --namespace quickstart`;
  /** A line of the demo's final output, unchanged. */
  const advised = (what: RegExp) => results.split("\n").find((line) => what.test(line)) ?? assert.fail(results);

  test("the demo runs from kubectl apply to its last line while two terminals watch it", async () => {
    const stand = await bench().stand("quickstart");
    team = bench().team(stand.namespace);
    environment = stand.cluster.environment;
    const { kept, session } = keptSession();
    messages = new Messages(stand.cluster, stand.namespace);
    await runStages(
      session.screen,
      quickstartStages(() => stand),
    );
    const [patient, impatient] = [1, 2].map(() => onTerminal(luthier(`watch ${job}`), environment));
    const ending = showQuickstart(stand, session);
    while (!/steps \d+\/162/.test(impatient!.shown())) await sleep(100);
    impatient!.interrupt();
    interrupted = await impatient!.ended;
    await ending;
    watched = await patient!.ended;
    const last = { finetunejobs: /^Ready /, finetuneruns: /^Succeeded /, adapters: /^Ready / };
    await messages.stop(last, [
      /^FineTuneJob Normal AdapterReady: /,
      /^FineTuneRun Normal Completed: /,
      /^Adapter Normal Exported: /,
    ]);
    ({ progress, results } = kept);
  });

  test("from kubectl apply to Ready each object reports its states in order, without a failure or retry", () => {
    assert.ok(messages.fromTheFirst(), "recorded from the first write on");
    for (const text of [...messages.all(), progress, watched.stdout]) {
      assert.doesNotMatch(text, /fail|retry|again|another pod|crash|lost|not wanted|no longer/i);
    }
    const pod = String.raw`(Waiting for the Job's pod\.|Pod \S+ is starting\.)`;
    const trains = /^Training Training: (The training pod is running|Loading the base model and the data)\.$/;
    const ended = /^Training Training: The training has ended; waiting for its Job to complete\.$/;
    const training = [
      /^Pending Pending: Starting the training\.$/,
      /^Pending Pending: Creating Job run-\w+-1\.$/,
      new RegExp(`^Pending Pending: ${pod}$`),
      trains,
      /^Training Training: Evaluating the base model\.$/,
      /^Training Training: Training\.$/,
      /^Training Training: Evaluating the result\.$/,
      /^Training Training: Saving the result\.$/,
      ended,
    ];
    assertMessages(messages.states("finetunejobs"), [
      /^Preparing ResolvingInputs: Creating the Job that reads the base model and the data\.$/,
      new RegExp(`^Preparing ResolvingInputs: ${pod}$`),
      /^Preparing ResolvingInputs: Reading the base model and the data\.$/,
      /^Preparing ResolvingInputs: The inputs are read; waiting for the Job to complete\.$/,
      /^Planning InputsResolved: \d+ examples, \d+ tokens in \d+ rows\.$/,
      /^Pending Starting: Creating the FineTuneRun\.$/,
      /^Pending Starting: FineTuneRun run-\w+ is this job's run\.$/,
      /^Pending Starting: The run is starting\.$/,
      ...training,
      /^Exporting AdapterCreated: Adapter spam-or-ham-\w+ is created from run-\w+\.$/,
      /^Exporting Exporting: Adapter spam-or-ham-\w+ is being exported\.$/,
      /^Exporting Exporting: Export merged: Creating its Job\.$/,
      new RegExp(`^Exporting Exporting: Export merged: ${pod}$`),
      /^Exporting Exporting: Export merged: Writing, reading back and comparing\.$/,
      /^Ready AdapterReady: Adapter spam-or-ham-\w+ is ready: exact match [\d.]+ → [\d.]+ on 310 held-out examples/,
    ]);
    assertMessages(messages.states("finetuneruns"), [
      /^Pending Starting: Waiting until FineTuneJob spam-or-ham adopts this run\.$/,
      ...training,
      /^Succeeded Completed: 162 steps, loss /,
    ]);
    assertMessages(messages.states("adapters"), [
      /^Exporting Exporting: Export merged: Creating its Job\.$/,
      new RegExp(`^Exporting Exporting: Export merged: ${pod}$`),
      /^Exporting Exporting: Export merged: Writing, reading back and comparing\.$/,
      /^Ready Exported: 1 export is written and verified\.$/,
    ]);
  });

  test("the other conditions and the Events report the same", () => {
    const facts = ["Fits", "InputsResolved", "LastRunSucceeded", "Ready", "Reconciling"];
    assert.deepEqual(messages.types("finetunejobs"), facts);
    assert.deepEqual(messages.types("finetuneruns"), ["Ready", "Reconciling", "Succeeded"]);
    assert.deepEqual(messages.types("adapters"), ["Exported", "Ready", "Reconciling", "Verified"]);
    assertMessages(messages.conditions("finetunejobs", "InputsResolved"), [/^Unknown NotResolved: /, /^True Pinned: /]);
    assertMessages(messages.conditions("finetunejobs", "Fits"), [/^Unknown NotPlanned: /, /^True Fits: /]);
    assertMessages(messages.conditions("finetunejobs", "LastRunSucceeded"), [
      /^Unknown NoRunEnded: /,
      /^True Completed: /,
    ]);
    assertMessages(messages.conditions("finetuneruns", "Succeeded"), [
      /^Unknown Starting: /,
      /^Unknown Pending: /,
      /^Unknown Training: /,
      /^True Completed: /,
    ]);
    assertMessages(messages.conditions("adapters", "Exported"), [/^False Exporting: /, /^True Exported: /]);
    assertMessages(messages.conditions("adapters", "Verified"), [
      /^Unknown NotRead: /,
      /^True Verified: .* of 1 export /,
    ]);
    const events = messages.events();
    assertMessages(
      events.filter((one) => one.startsWith("FineTuneJob ")),
      eventsOfJob.map((reason) => new RegExp(`^FineTuneJob Normal ${reason}: `)),
    );
    assertMessages(
      events.filter((one) => one.startsWith("FineTuneRun ")),
      ["Starting", "Pending", "Training", "Completed"].map((reason) => new RegExp(`^FineTuneRun Normal ${reason}: `)),
    );
    assertMessages(
      events.filter((one) => one.startsWith("Adapter ")),
      [/^Adapter Normal Exporting: /, /^Adapter Normal Exported: 1 export is/],
    );
  });

  test("its stages and its live view show the progress in a log", () => {
    assert.match(progress, /✓\S* +1\/2 {2}base model and data on a volume .* s$/m);
    assert.match(progress, /✓\S* +2\/2 {2}kubectl apply -f demo\/quickstart\.yaml .* finetunejob\S+ created$/m);
    assert.match(progress, /^spam-or-ham: Preparing/m);
    assert.match(
      progress,
      /^spam-or-ham: Training: training \d+ % · steps \d+\/162 · \S+ k? ?tokens\/s · .* left · loss [\d.]+/m,
    );
    assert.ok(!progress.includes("\x1b[J"), "nothing is redrawn where there is no terminal");
  });

  test("the final output shows the figures before and after, and answers to held-out e-mails", () => {
    const [, before, after, larger] = /exact match +([\d.]+) % +([\d.]+) % +([\d.]+) %/.exec(results) ?? [];
    assert.ok(Number(before) <= Number(larger) && Number(after) > 90, results);
    assert.match(results, /on 310 held-out examples/);
    assert.match(results, /steps +162 \(kept: step \d+\)/);
    assert.match(results, /export merged +[\d.]+ MiB in 1 shard; read back, logits differ by at most/);
    answers = [...results.matchAll(/^.{44} {2}.*? {2,}(\S+) +(spam|ham)$/gm)].map(([, answer]) => answer ?? "");
    assert.equal(answers.length, 4, results);
    for (const answer of answers) assert.match(answer, /^(spam|ham)$/);
    assert.doesNotMatch(results, /^.{44} {2}(spam|ham) /m, "before, it answers with neither");
  });

  test("the Adapter has the same figures, and its export is verified", async () => {
    const { metadata, spec, status } = await team.adapter();
    assert.match(results, new RegExp(`^Adapter ${metadata.name} is ready$`, "m"));
    assert.equal(status?.exports?.[0]?.state, "Ready");
    assert.equal(spec.results?.evaluation?.examples, 310);
  });

  test("luthier watch shows a bar and the loss on a terminal, and ends with 0 and the same figures", () => {
    assert.equal(watched.code, 0, watched.stdout);
    assert.match(watched.stdout, /[█▏▎▍▌▋▊▉]+░+.* \d+ % {2}training {2}steps \d+\/162 · /);
    assert.match(watched.stdout, /[▁▂▃▄▅▆▇█]{10,}.* loss [\d.]+ → [\d.]+/);
    const figures = /exact match .*%/.exec(results)?.[0] ?? assert.fail(results);
    assert.ok(watched.stdout.includes(figures), watched.stdout);
  });

  test("Ctrl-C ends only luthier watch, with 130", async () => {
    assert.equal(interrupted.code, 130, interrupted.stdout);
    assert.match(interrupted.stdout, /no longer watching; the job in the cluster continues/);
    assert.equal((await team.run()).status?.results?.resumes, 0);
  });

  test("luthier watch lists the jobs, and connects to the cluster through a proxy like kubectl", async () => {
    const list = await shell(luthier("watch"), { environment });
    assert.equal(list.code, 0, list.stderr);
    assert.match(list.stdout, /^spam-or-ham +True +Ready +162\/162 +[\d.]+ +spam-or-ham-[0-9a-f]{8}$/m);
    const tunnel = await startTunnel();
    try {
      const proxied = { ...environment, HTTPS_PROXY: tunnel.url, https_proxy: tunnel.url, NO_PROXY: "", no_proxy: "" };
      const { code, stdout } = await shell(luthier(`watch ${job} --output json`), { environment: proxied });
      assert.equal(code, 0);
      assert.equal(JSON.parse(stdout).adapter.metadata.name, (await team.adapter()).metadata.name);
      assert.ok(tunnel.connections() > 0);
    } finally {
      tunnel.close();
    }
  });

  test("the commands in the next steps work", async () => {
    const described = await shell(advised(/describe finetunejob/), { environment });
    assert.match(described.stdout, /Type: +Ready/);
    const [, events = ""] = described.stdout.split(/^Events:$/m);
    const reported = [...events.matchAll(/^ +(Normal|Warning) +(\w+) /gm)].map(
      ([, type, reason]) => `${type} ${reason}`,
    );
    assert.deepEqual(
      reported,
      messages.events().flatMap((one) => /^FineTuneJob (\w+ \w+):/.exec(one)?.[1] ?? []),
      "in the order in which they were reported",
    );
    const objects = await shell(advised(/get finetunejobs/), { environment });
    assert.match(objects.stdout, /^adapter\.luthier\.dev\/spam-or-ham-[0-9a-f]{8} /m);
  });

  test("luthier chat --adapter answers a question and a piped chat, and refuses an unknown name", async () => {
    const chat = advised(/luthier chat --adapter/);
    const questions = firstOfEach(readFileSync(demo.testFile, "utf8"));
    for (const [index, { prompt }] of questions.entries()) {
      const { code, stdout, stderr } = await shell(`${chat} --prompt -`, { environment, stdin: prompt });
      assert.deepEqual([code, stdout], [0, `${answers[index]}\n`], stderr);
    }
    const line = questions[0]!.prompt.replace(/\s+/g, " ");
    const talk = await shell(chat, { environment, stdin: `${line}\n/new\n${line}\n/quit\n` });
    assert.equal(talk.code, 0, talk.stderr);
    assert.match(talk.stdout, /^(spam|ham)\n\1\n$/);
    const none = await shell(luthier("chat --adapter nobody --prompt x"), { environment });
    assert.equal(none.code, 2);
    assert.match(none.stderr, /there is no Adapter nobody in namespace quickstart/);
  });
}
