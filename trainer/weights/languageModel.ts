/**
 * The language model inside a model that reads pictures too (`wrappers` of contract/families.ts). The trainer's names are those of
 * the language model by itself; checkpoints and adapters have those of the whole model, in which it is `language_model`.
 */
import { isNamed } from "../methods/targets.ts";

/** The name of a checkpoint's tensor in the language model; undefined if it belongs to another part. */
export function ownName(name: string): string | undefined {
  if (name === "lm_head.weight") return name;
  const [, before, rest] = /^(language_model\.|model\.language_model\.)(.+)$/.exec(name) ?? [];
  // transformers 4.52 saves model.language_model.X, others language_model.model.X.
  return rest === undefined || before === "language_model." ? rest : `model.${rest}`;
}

/** `base_model.model.model.X` → `base_model.model.model.language_model.X`, as transformers 5 and PEFT name the module. */
export const keyInWrapper = (key: string): string =>
  key.replace(/^base_model\.model\.model\./, "base_model.model.model.language_model.");

/** The same back; other keys stay. Adapters of transformers before 4.52 have the other order. */
export const keyOfOwn = (key: string): string =>
  key.replace(
    /^base_model\.model\.(?:model\.language_model\.|language_model\.(model\.|lm_head\b))/,
    (_, inner = "model.") => {
      return `base_model.model.${inner}`;
    },
  );

type Members = Readonly<Record<string, unknown>>;
/** The members of adapter_config.json that choose modules by the ends of their names. `exclude_modules` only chooses among them. */
const moduleLists = ["target_modules", "feedforward_modules", "modules_to_save"];
const isList = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === "string");

const withLists = (config: Members, change: (names: string[]) => string[]): Members =>
  Object.fromEntries(
    Object.entries(config).map(([member, value]) => [
      member,
      moduleLists.includes(member) && isList(value) ? change(value) : value,
    ]),
  );

/**
 * The configuration of an adapter for the whole model: it lists each module of the language model by its whole name, since a
 * picture's encoder has layers of the same names.
 */
export function configInWrapper(config: Members, modules: readonly string[]): Members {
  const whole = (names: string[]) =>
    names.flatMap((name) => modules.filter((module) => isNamed(module, name)).map(nameInWrapper));
  return withLists(config, (names) => [...new Set(whole(names))].sort());
}

/** In every version of transformers the name of the module ends so. */
const nameInWrapper = (module: string): string => module.replace(/^model\./, "language_model.");

/** Such a configuration with the names of the language model by itself. */
export const configOfOwn = (config: Members): Members =>
  withLists(config, (names) => names.map((name) => name.replace(/^(model\.)?language_model\.(model\.)?/, "")));
