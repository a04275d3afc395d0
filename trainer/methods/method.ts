/**
 * All that a method may say about how a model trains. Every member but the name is optional, so a simple method is one
 * function; `base` is the model's own composite, so no method pays for being readable.
 */
import type { MethodSettings } from "../contract/methods.ts";
import type { ModelConfig } from "../contract/model.ts";
import type { CompileSpec } from "../graph/compiled.ts";
import type { BaseLinear, LinearSite, SiteRewriter } from "../graph/site.ts";
import type { Tensor } from "../graph/tensor.ts";

/** A linear layer as merging sees it: its name and the trained tensors by their own names. */
export interface TrainedSite {
  readonly name: string;
  readonly in: number;
  readonly out: number;
  parameter(name: string): Float32Array;
}

export interface Method<Kind extends string, Settings> {
  readonly kind: Kind;
  /** The method and its settings in words, for the card of a model. */
  describe?(settings: Settings): string;
  /** Why this method cannot train this model, stored so; undefined when it can. */
  check?(
    settings: Settings,
    model: ModelConfig,
    storage: CompileSpec["storage"],
    sites: readonly string[],
  ): string | undefined;
  /** Whether a tensor of the base is itself trained. */
  trains?(name: string, settings: Settings): boolean;
  /** A linear layer, from the base's own. */
  linear?(site: LinearSite, x: Tensor, base: BaseLinear, settings: Settings): Tensor;
  /** Rows [first, last) of what merging adds to W [out, in], row-major; undefined where the site is not touched. */
  delta?(site: TrainedSite, settings: Settings, first: number, last: number): Float32Array | undefined;
}

export function defineMethod<const Kind extends string>(
  kind: Kind,
  method: Omit<Method<Kind, Extract<MethodSettings, { kind: Kind }>>, "kind">,
): Method<Kind, Extract<MethodSettings, { kind: Kind }>> {
  return { kind, ...method };
}

/** A method with its settings filled in: what the builder of a model calls. */
export interface BoundMethod extends SiteRewriter {
  describe(): string;
  check(model: ModelConfig, storage: CompileSpec["storage"], sites: readonly string[]): string | undefined;
  delta(site: TrainedSite, first: number, last: number): Float32Array | undefined;
}

export function bind<Kind extends string, Settings>(method: Method<Kind, Settings>, settings: Settings): BoundMethod {
  return {
    describe: () => method.describe?.(settings) ?? method.kind,
    check: (model, storage, sites) => method.check?.(settings, model, storage, sites),
    trains: (name) => method.trains?.(name, settings) ?? false,
    linear: (site, x, base) => method.linear?.(site, x, base, settings) ?? base(x),
    delta: (site, first, last) => method.delta?.(site, settings, first, last),
  };
}
