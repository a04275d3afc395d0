/**
 * Writes crds/*.yaml and the chart's copies of them from the schemas: `npm run crds`. With `--check` it writes nothing
 * and fails when a file is not what the schemas say.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { stringify } from "yaml";
import { type CrdOptions, customResourceDefinition } from "./crd.ts";
import { kinds } from "./kinds.ts";
import { group } from "./names.ts";

const repository = path.resolve(import.meta.dirname, "../..");
const notice = "# Generated from operator/api by `npm run crds`. Do not edit.\n";

/** Every generated file by its path in the repository. */
export function generatedFiles(): Map<string, string> {
  const files = new Map<string, string>();
  for (const kind of kinds) {
    const yaml = stringify(customResourceDefinition(kind), { lineWidth: 0, aliasDuplicateObjects: false });
    files.set(`crds/${group}_${kind.plural}.yaml`, notice + yaml);
    files.set(`charts/luthier/templates/crds/${kind.plural}.yaml`, chartTemplate(kind, yaml));
  }
  return files;
}

/** Kept on uninstall: deleting a definition deletes every object of its kind. */
function chartTemplate(kind: CrdOptions, yaml: string): string {
  const metadata = `metadata:\n  name: ${kind.plural}.${group}\n`;
  if (!yaml.includes(metadata)) throw new Error(`the definition of ${kind.kind} does not begin as expected`);
  const kept = yaml.replace(metadata, `${metadata}  annotations:\n    helm.sh/resource-policy: keep\n`);
  if (/\{\{/.test(kept)) throw new Error(`the definition of ${kind.kind} holds what Helm takes for a template`);
  return `${notice}{{- if .Values.crds.enabled }}\n${kept}{{- end }}\n`;
}

async function main(check: boolean): Promise<void> {
  for (const [name, content] of generatedFiles()) {
    const file = path.join(repository, name);
    const current = await readFile(file, "utf8").catch(() => "");
    if (current === content) continue;
    if (check) {
      process.stderr.write(`${name} is not what operator/api says: run npm run crds\n`);
      process.exitCode = 1;
      continue;
    }
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
    process.stdout.write(`wrote ${name}\n`);
  }
}

if (import.meta.main) await main(process.argv.includes("--check"));
