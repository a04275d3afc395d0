/** Which of a model's layers a method works on, by the last parts of their names. Pure. */

/** Whether one of the targets is the last part, or the last parts, of this layer's name. */
export const isTarget = (name: string, targets: readonly string[]): boolean =>
  targets.some((target) => target === "all-linear" || name === target || name.endsWith(`.${target}`));

/** Why a target cannot be one of this model's layers; undefined when all can. */
export function unknownTarget(targets: readonly string[], sites: readonly string[]): string | undefined {
  const last = (name: string) => name.slice(name.lastIndexOf(".") + 1);
  const unknown = targets.find((target) => !sites.some((site) => isTarget(site, [target])));
  if (unknown === undefined) return undefined;
  const known = [...new Set(sites.map(last))].join(", ");
  return `targetModules: ${JSON.stringify(unknown)} is no linear layer of this model; its layers are ${known}, or all-linear`;
}
