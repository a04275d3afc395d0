/** Prometheus metrics of a trainer process: the progress lines as gauges, and Node's own. */
import { createServer } from "node:http";
import { collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { messageOf } from "./contract/failure.ts";
import type { Progress } from "./contract/progress.ts";
import type { RunFile } from "./contract/runFile.ts";

const gauges = {
  done: ["luthier_phase_done", "Work done in the current phase, in its unit."],
  total: ["luthier_phase_total", "Work of the current phase, in its unit."],
  epoch: ["luthier_training_epoch", "Passes over the data so far."],
  loss: ["luthier_training_loss", "Mean loss of the last step's trained tokens, in nats."],
  evalLoss: ["luthier_training_eval_loss", "Validation loss, in nats per token."],
  rewardAccuracy: [
    "luthier_training_reward_accuracy",
    "Share of the last step's preferences that the rewards agree with.",
  ],
  rewardMargin: ["luthier_training_reward_margin", "Mean difference of the rewards of chosen and rejected answers."],
  evalRewardAccuracy: ["luthier_training_eval_reward_accuracy", "The same share on the validation data."],
  evalRewardMargin: ["luthier_training_eval_reward_margin", "The same difference on the validation data."],
  learningRate: ["luthier_training_learning_rate", "Learning rate of the last step."],
  tokensPerSecond: ["luthier_training_tokens_per_second", "Tokens processed per second."],
  gradNorm: ["luthier_training_gradient_norm", "Global norm of the last gradient, before clipping."],
  peakBytes: [
    "luthier_engine_peak_bytes",
    "Peak resident memory of the process in this stage; in a training on a GPU, the GPU's.",
  ],
  lastCheckpoint: ["luthier_training_last_checkpoint_step", "Step of the newest durable checkpoint."],
} as const;

type Field = keyof typeof gauges;
const fields = Object.keys(gauges) as Field[];

export interface MetricsServer {
  observe(progress: Progress): void;
  /** Stops listening. */
  close(): Promise<void>;
}

/** Serves `/metrics` on all addresses. */
export async function serveMetrics(port: number, file: RunFile): Promise<MetricsServer> {
  const registry = new Registry();
  registry.setDefaultLabels({ stage: file.stage });
  collectDefaultMetrics({ register: registry });
  const byField = new Map(fields.map((field) => [field, makeGauge(field, registry)]));
  const server = createServer(async (request, response) => {
    if (request.url !== "/metrics") return void response.writeHead(404).end("metrics are at /metrics\n");
    // A collector that throws must not end the training.
    await registry.metrics().then(
      (text) => response.writeHead(200, { "content-type": registry.contentType }).end(text),
      (error) => response.writeHead(500).end(`${messageOf(error)}\n`),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, resolve);
  });
  return {
    observe: (progress) => {
      for (const [field, gauge] of byField) if (progress[field] !== undefined) gauge.set(progress[field]);
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function makeGauge(field: Field, registry: Registry): Gauge {
  const [name, help] = gauges[field];
  return new Gauge({ name, help, registers: [registry] });
}
