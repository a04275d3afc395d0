/** The experts of a model's layers, as config.json declares them; what would change their training is refused by name. */
import type { ExpertRules, RawConfig } from "./families.ts";

type Refuse = (message: string) => never;

export function expertsOf(config: RawConfig, rules: ExpertRules, refuse: Refuse) {
  const { num_local_experts: local, num_experts: all, num_experts_per_tok: chosen, num_hidden_layers: layers } = config;
  if (typeof local === "number" && typeof all === "number" && local !== all)
    refuse(`num_local_experts ${local} and num_experts ${all} contradict each other; remove one of them`);
  if (config.router_jitter_noise)
    refuse(`router_jitter_noise ${config.router_jitter_noise} is not supported; supported: 0`);
  if (config.output_router_logits && config.router_aux_loss_coef !== 0)
    refuse(
      "output_router_logits true makes transformers add the router's auxiliary loss to every training; set it to false, and training.routerAuxLoss to train with that loss",
    );
  const dense = Array.from({ length: layers }, (_, layer) => layer).filter((layer) => rules.isDense?.(layer, config));
  return {
    count: local ?? all ?? rules.count,
    chosen: chosen ?? rules.chosen,
    width: rules.width(config),
    ...(dense.length > 0 && { denseLayers: dense }),
  };
}
