/**
 * Generates one kind's reference page from its CustomResourceDefinition: every field with its type, bounds and rules, so
 * that the page always agrees with the API server. Pure.
 */
import { type CrdOptions, customResourceDefinition, selectableFields } from "../api/crd.ts";
import { group, version } from "../api/names.ts";
import { isRecord } from "../runtime/objects.ts";
import { table } from "./table.ts";

type Schema = Record<string, unknown>;

export function kindPage(kind: CrdOptions): string {
  const { spec, status, rules } = schemasOf(kind);
  return [
    `# ${kind.kind}`,
    `${kind.description} \`${group}/${version}\`, namespaced, short name \`${kind.shortName}\`.`,
    ...(rules.length === 0 ? [] : [bullets(rules)]),
    "## Columns",
    table(
      ["Column", "Content"],
      kind.columns.map(({ name, description, priority }) => [
        name,
        priority ? `${description} (\`-o wide\`)` : description,
      ]),
    ),
    `Fields for \`kubectl get --field-selector\`: ${selectableFields.map((field) => `\`${field.slice(1)}\``).join(", ")}.`,
    ...part("spec", spec),
    ...part("status", status),
  ].join("\n\n");
}

function schemasOf(kind: CrdOptions): { spec: Schema; status: Schema; rules: string[] } {
  const { spec } = customResourceDefinition(kind);
  const versions = isRecord(spec) && Array.isArray(spec.versions) ? spec.versions : [];
  const schema = versions[0]?.schema?.openAPIV3Schema;
  return { spec: schema.properties.spec, status: schema.properties.status, rules: rulesOf(schema) };
}

/** A section of the fields without members, then one section for each field with members. */
function part(name: string, schema: Schema): string[] {
  const members = Object.entries(membersOf(schema));
  const simple = members.filter(([, member]) => !hasMembers(member));
  const deep = members.filter(([, member]) => hasMembers(member));
  const rules = rulesOf(schema);
  return [
    `## ${name}`,
    ...(typeof schema.description === "string" ? [schema.description] : []),
    ...(rules.length === 0 ? [] : [bullets(rules)]),
    ...(simple.length === 0 ? [] : [fieldTable(simple.map(([key, member]) => [key, member, requires(schema, key)]))]),
    ...deep.flatMap(([key, member]) => [
      `### ${name}.${key}`,
      fieldTable([[key, member, requires(schema, key)], ...below(member, key)]),
    ]),
  ];
}

type Field = [path: string, schema: Schema, required: boolean];

/** All fields below, deepest last; fields copied from a pod's spec are not listed. */
function below(schema: Schema, at: string): Field[] {
  if (at.endsWith("affinity")) return [];
  const path = schema.type === "array" ? `${at}[]` : at;
  return Object.entries(membersOf(schema)).flatMap(([key, member]): Field[] => [
    [`${path}.${key}`, member, requires(itemOf(schema), key)],
    ...below(member, `${path}.${key}`),
  ]);
}

const fieldTable = (fields: readonly Field[]) =>
  table(
    ["Field", "Type", "Description"],
    fields.map(([path, schema, required]) => [`\`${path}\`${required ? " *" : ""}`, typeOf(schema), describe(schema)]),
  );

const itemOf = (schema: Schema): Schema => (isRecord(schema.items) ? schema.items : schema);
const membersOf = (schema: Schema): Record<string, Schema> => {
  const { properties } = itemOf(schema);
  return isRecord(properties) ? (properties as Record<string, Schema>) : {};
};
const hasMembers = (schema: Schema) => Object.keys(membersOf(schema)).length > 0;
const requires = ({ required }: Schema, key: string) => Array.isArray(required) && required.includes(key);

function describe(schema: Schema): string {
  const { description = "" } = schema;
  const item = schema.type === "array" && isRecord(schema.items) ? rulesOf(schema.items) : [];
  return [description, ...[...rulesOf(schema), ...item].map((rule) => `Rule: ${rule}.`)].filter(Boolean).join(" ");
}

function rulesOf(schema: Schema): string[] {
  const rules = schema["x-kubernetes-validations"];
  return Array.isArray(rules) ? rules.map(({ message }) => String(message)) : [];
}

const bullets = (lines: readonly string[]) => lines.map((line) => `- ${line}`).join("\n");

function typeOf(schema: Schema): string {
  if (schema["x-kubernetes-int-or-string"]) return "quantity";
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => `\`${value}\``).join(" or ");
  if (schema.type === "array") return `list of ${listed(schema)}, ${range(schema.minItems, schema.maxItems)}`;
  if (isRecord(schema.additionalProperties)) return `map, at most ${schema.maxProperties}`;
  if (schema.type === "integer") return `integer, ${range(schema.minimum, schema.maximum)}`;
  if (schema.type === "string") return `string, ${length(schema)}`;
  return String(schema.type ?? "");
}

function listed({ items }: Schema): string {
  if (!isRecord(items)) return "values";
  return Array.isArray(items.enum) ? items.enum.map((value) => `\`${value}\``).join(" or ") : `${items.type}s`;
}

function range(min: unknown, max: unknown): string {
  const upper = max === Number.MAX_SAFE_INTEGER ? "" : ` to ${max}`;
  return min === undefined ? `at most ${max}` : upper === "" ? `${min} or more` : `${min}${upper}`;
}

const length = ({ format, maxLength }: Schema) =>
  format === "date-time" ? "a time" : `at most ${maxLength} characters`;
