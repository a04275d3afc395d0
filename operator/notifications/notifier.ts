/**
 * Sends the events of FineTuneJobs to one webhook. Its URL and signing key are files of a mounted Secret, read for each attempt,
 * so that they may rotate; neither is logged nor written into an object.
 *
 * It keeps what it sent in memory alone, and writes nothing to the cluster. Each event is sent at least once if the operator
 * runs within an hour of it; a restart may send those of the last hour again, with the same ids.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { getCACertificates } from "node:tls";
import type { Logger } from "pino";
import { Counter, type Registry } from "prom-client";
import { type Dispatcher, EnvHttpProxyAgent, request } from "undici";
import type { FineTuneJob } from "../api/kinds.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Result } from "../runtime/controller.ts";
import { type Caches, inNamespace } from "../shared/caches.ts";
import { type CloudEvent, type EventType, type Notice, noticesOf } from "./events.ts";
import { signedHeaders, signingKey } from "./signature.ts";

const second = 1000;
const hour = 3600 * second;
/** An event that is older when it is first seen is not news: the operator was just started, or the webhook just set. */
const newsMs = hour;
/** The end of the retries. */
const patienceMs = 24 * hour;
const attemptMs = 10 * second;
/** The pause before the next attempt is half the event's age, within these bounds. */
const pauseMs = { least: 5 * second, most: 900 * second };

/** Keys of the Secret. */
const files = { url: "url", key: "signingKey" };

/** The last event of a type, by its id. A job has one of each type. */
interface Known {
  readonly id: string;
  /** It waits for another attempt; else it was sent, given up, or no news. */
  readonly isPending: boolean;
}

export class Notifier {
  readonly #caches: Pick<Caches, "fineTuneJobs" | "adapters">;
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #sent: Counter<"type" | "outcome">;
  readonly #known = new Map<string, Map<EventType, Known>>();
  readonly #agent: Dispatcher;

  constructor(options: {
    caches: Pick<Caches, "fineTuneJobs" | "adapters">;
    /** It holds the files `url` and `signingKey`. */
    directory: string;
    clock: Clock;
    log: Logger;
    registry: Registry;
    /** PEM certificates to trust besides the public ones. */
    certificates: string | undefined;
  }) {
    this.#caches = options.caches;
    this.#directory = options.directory;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#agent = agentTrusting(options.certificates);
    this.#sent = new Counter({
      name: "luthier_notifications_total",
      help: "Attempts to send an event to the webhook",
      labelNames: ["type", "outcome"],
      registers: [options.registry],
    });
  }

  async reconcile(key: string): Promise<Result> {
    const job = this.#caches.fineTuneJobs.get(key);
    if (job === undefined) {
      this.#known.delete(key);
      return {};
    }
    const known = this.#known.get(key) ?? new Map<EventType, Known>();
    this.#known.set(key, known);
    const pauses: number[] = [];
    for (const notice of this.#noticesOf(job)) {
      const pause = await this.#handle(notice, known);
      if (pause !== undefined) pauses.push(pause);
    }
    return pauses.length === 0 ? {} : { requeueAfterMs: Math.min(...pauses) };
  }

  #noticesOf(job: FineTuneJob): Notice[] {
    return noticesOf(job, this.#caches.adapters.byIndex("job", inNamespace(job, job.metadata.name)));
  }

  /** Returns the pause before the next attempt, if there is one. */
  async #handle({ type, event }: Notice, known: Map<EventType, Known>): Promise<number | undefined> {
    const last = known.get(type);
    if (last?.id === event.id && !last.isPending) return undefined;
    const ageMs = Math.max(0, this.#clock().getTime() - Date.parse(event.time));
    const isNews = ageMs < newsMs || last !== undefined;
    const fault = isNews ? await this.#send(event) : undefined;
    if (isNews) this.#sent.inc({ type, outcome: fault === undefined ? "Delivered" : "Failed" });
    const isPending = fault !== undefined && ageMs < patienceMs;
    known.set(type, { id: event.id, isPending });
    if (isPending) {
      this.#log.warn(
        { type: event.type, id: event.id, subject: event.subject, fault },
        "the webhook was not delivered",
      );
      return Math.min(pauseMs.most, Math.max(pauseMs.least, ageMs / 2));
    }
    if (fault !== undefined) this.#log.error({ id: event.id, fault }, "the webhook is given up after a day");
    return undefined;
  }

  /** Undefined if the receiver accepted the event, else the fault, without the URL. */
  async #send(event: CloudEvent): Promise<string | undefined> {
    const target = await this.#target();
    if ("fault" in target) return target.fault;
    const body = JSON.stringify(event);
    try {
      const response = await request(target.url, {
        method: "POST",
        dispatcher: this.#agent,
        headers: {
          "content-type": "application/cloudevents+json; charset=utf-8",
          ...signedHeaders(target.key, { id: event.id, body, at: this.#clock() }),
        },
        body,
        signal: AbortSignal.timeout(attemptMs),
      });
      await response.body.dump({ limit: 65_536 });
      return response.statusCode < 300 ? undefined : `the receiver answered ${response.statusCode}`;
    } catch (error) {
      // A message may contain the URL, and with it a secret.
      return `the receiver cannot be reached: ${codeOf(error)}`;
    }
  }

  async #target(): Promise<{ url: URL; key: Buffer } | { fault: string }> {
    const read = (name: string) => readFile(path.join(this.#directory, name), "utf8").catch(() => undefined);
    const [address, secret] = [await read(files.url), await read(files.key)];
    const url = URL.parse(address?.trim() ?? "");
    if (url === null || !/^https?:$/.test(url.protocol)) {
      return { fault: `the Secret's key ${files.url} is not an http or https URL` };
    }
    const key = signingKey(secret ?? "");
    if (key === undefined) return { fault: `the Secret's key ${files.key} is not whsec_ and 24 to 64 bytes in base64` };
    return { url, key };
  }
}

/** Follows $HTTPS_PROXY, $HTTP_PROXY and $NO_PROXY. */
function agentTrusting(certificates: string | undefined): Dispatcher {
  const tls = certificates === undefined ? {} : { ca: [...getCACertificates("default"), certificates] };
  return new EnvHttpProxyAgent({
    ...{ headersTimeout: attemptMs, bodyTimeout: attemptMs, allowH2: false },
    ...{ connect: tls, requestTls: tls, proxyTls: tls },
  });
}

function codeOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return error instanceof Error ? error.name : "unknown";
}
