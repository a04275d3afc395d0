/**
 * Records runs in an MLflow server by its REST API 2.0. A run is recorded once, however often and wherever this is repeated: it is
 * found by a tag, and a run that is not finished, because its writer was interrupted, is written again. A run that a user has
 * deleted stays deleted.
 */
import { z } from "zod";
import { invalid } from "../../trainer/contract/failure.ts";
import { exchange, type Patience, patiently, shortened, textOf } from "../../trainer/stores/http.ts";
import type { Figure, TrackedRun } from "./record.ts";

export interface MlflowOptions {
  /** The server's address, as in MLFLOW_TRACKING_URI. */
  readonly url: string;
  readonly experiment: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly patience: Patience;
}

const keyTag = "luthier.record";
/** Limits of the API for one request and for one text. */
const most = { metrics: 1000, parameters: 100, text: 500 };

const found = z.object({
  runs: z
    .array(z.object({ info: z.object({ run_id: z.string(), status: z.string(), lifecycle_stage: z.string() }) }))
    .default([]),
});
const experimentAnswer = z.object({ experiment: z.object({ experiment_id: z.string() }) });
const experimentMade = z.object({ experiment_id: z.string() });
const runMade = z.object({ run: z.object({ info: z.object({ run_id: z.string() }) }) });

export class Mlflow {
  readonly #root: string;
  readonly #options: MlflowOptions;
  #experimentId: string | undefined;

  constructor(options: MlflowOptions) {
    const url = URL.parse(options.url);
    if (url === null || !/^https?:$/.test(url.protocol))
      throw invalid("TrackingUriInvalid", `${options.url}: not the http or https URL of an MLflow server`);
    if (url.username !== "" || url.password !== "")
      throw invalid(
        "TrackingUriInvalid",
        "put user and password into MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
      );
    this.#root = url.href.replace(/\/+$/, "");
    this.#options = options;
  }

  /** False if the run was there already. */
  async record(run: TrackedRun): Promise<boolean> {
    // After a lost answer it is not known what the server did, so each attempt looks again.
    return await patiently(this.#root, this.#options.patience, async () => {
      this.#experimentId ??= await this.#experiment();
      const { runs } = await this.#post(found, "runs/search", {
        experiment_ids: [this.#experimentId],
        filter: `tags.\`${keyTag}\` = '${run.key}'`,
        run_view_type: "ALL",
      });
      if (runs.some(({ info }) => info.status === "FINISHED")) return false;
      for (const { info } of runs)
        if (info.lifecycle_stage === "active") await this.#post(z.unknown(), "runs/delete", { run_id: info.run_id });
      await this.#write(run, this.#experimentId);
      return true;
    });
  }

  async #write(run: TrackedRun, experimentId: string): Promise<void> {
    const { run: made } = await this.#post(runMade, "runs/create", {
      experiment_id: experimentId,
      run_name: run.name,
      start_time: run.startedAt,
      tags: pairs({ ...run.tags, [keyTag]: run.key }),
    });
    const { run_id } = made.info;
    for (const params of chunks(pairs(run.parameters), most.parameters))
      await this.#post(z.unknown(), "runs/log-batch", { run_id, params });
    const metric = ({ name, value, step }: Figure) => ({ key: name, value, step, timestamp: run.endedAt });
    for (const metrics of chunks(run.figures.map(metric), most.metrics))
      await this.#post(z.unknown(), "runs/log-batch", { run_id, metrics });
    await this.#post(z.unknown(), "runs/update", { run_id, status: "FINISHED", end_time: run.endedAt });
  }

  /** The id of the experiment, which is created if it is missing. */
  async #experiment(): Promise<string> {
    const { experiment: name } = this.#options;
    const known = await this.#send("GET", `experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`);
    if (known.status === 200) return parsed(experimentAnswer, known.text).experiment.experiment_id;
    if (known.status !== 404) throw this.#refused(known);
    return (await this.#post(experimentMade, "experiments/create", { name })).experiment_id;
  }

  async #post<T>(schema: z.ZodType<T>, path: string, body: object): Promise<T> {
    const answer = await this.#send("POST", path, body);
    if (answer.status !== 200) throw this.#refused(answer);
    return parsed(schema, answer.text);
  }

  async #send(method: string, path: string, body?: object): Promise<{ status: number; text: string }> {
    const headers = { "content-type": "application/json", ...authorization(this.#options.environment) };
    const url = `${this.#root}/api/2.0/mlflow/${path}`;
    const content = body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) };
    const answer = await exchange({ url, method, headers, ...content }, this.#options.patience);
    return { status: answer.status, text: await textOf(answer) };
  }

  #refused({ status, text }: { status: number; text: string }): Error {
    const fix =
      status === 401 || status === 403
        ? "; check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        : "";
    return invalid("TrackingRefused", `${this.#root} answered ${status} ${shortened(text)}${fix}`);
  }
}

function authorization({ MLFLOW_TRACKING_TOKEN: token, ...environment }: MlflowOptions["environment"]) {
  const { MLFLOW_TRACKING_USERNAME: user, MLFLOW_TRACKING_PASSWORD: password = "" } = environment;
  if (token) return { authorization: `Bearer ${token.trim()}` };
  if (!user) return {};
  return { authorization: `Basic ${Buffer.from(`${user.trim()}:${password.trim()}`).toString("base64")}` };
}

const pairs = (map: Readonly<Record<string, string>>) =>
  Object.entries(map).map(([key, value]) => ({
    key,
    value: value.length > most.text ? `${value.slice(0, most.text - 1)}…` : value,
  }));

const chunks = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));

function parsed<T>(schema: z.ZodType<T>, text: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw invalid("TrackingRefused", `the answer is not that of an MLflow server: ${shortened(text)}`);
  }
}
