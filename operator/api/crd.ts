/**
 * Generates CustomResourceDefinitions from the zod schemas. Pure. The schemas are structural: zod's JSON Schema without
 * the keywords that Kubernetes lacks. zod refinements (rules across fields, decimal bounds, allowed URIs) become CEL rules
 * with the same messages, so that the API server rejects an invalid manifest with field and reason.
 */
import { z } from "zod";
import { boundsText, type DecimalBounds } from "../../trainer/contract/decimal.ts";
import { uriForms } from "../../trainer/contract/locations.ts";
import { attached, type CelRule } from "../../trainer/contract/rules.ts";
import { isRecord } from "../runtime/objects.ts";
import { descriptionOf } from "./descriptions.ts";
import { group, version } from "./names.ts";

export interface PrinterColumn {
  name: string;
  type: "string" | "integer" | "date";
  jsonPath: string;
  description: string;
  /** 0: always shown; 1: shown with -o wide. */
  priority?: number;
}

export interface CrdOptions {
  kind: string;
  plural: string;
  shortName: string;
  description: string;
  spec: z.ZodType;
  status: z.ZodType;
  columns: readonly PrinterColumn[];
  /** CEL rules that are not in the schemas, by path; "" is the root. */
  rules: Readonly<Record<string, readonly CelRule[]>>;
}

type Schema = Record<string, unknown>;

/** Fields of every kind for `kubectl get --field-selector`. */
export const selectableFields = [".status.state"] as const;

export function customResourceDefinition(options: CrdOptions): Schema {
  const { kind, plural, shortName, description, spec, status, columns } = options;
  const schema: Schema = {
    type: "object",
    description,
    required: ["spec"],
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { type: "object" },
      spec: structural(jsonSchema(spec), "spec", options),
      status: structural(jsonSchema(status), "status", options),
    },
    ...validations(options.rules[""]),
  };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: "Namespaced",
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames: [shortName],
        categories: ["luthier"],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          selectableFields: selectableFields.map((jsonPath) => ({ jsonPath })),
          additionalPrinterColumns: columns.map((column) => ({ ...column })),
          schema: { openAPIV3Schema: schema },
        },
      ],
    },
  };
}

function jsonSchema(schema: z.ZodType): Schema {
  return z.toJSONSchema(schema, { target: "openapi-3.0", io: "input" });
}

/** Converts zod's JSON Schema to the form that Kubernetes accepts. */
function structural(schema: Schema, path: string, options: CrdOptions): Schema {
  const description = schema.description ?? descriptionOf(path);
  if (schema["x-kubernetes-int-or-string"] === true) return { description, ...intOrString(schema) };
  const result: Schema = isField(path) && description !== undefined ? { description } : {};
  for (const key of kept) if (schema[key] !== undefined) result[key] = schema[key];
  if (schema.type === "integer") result.format = "int64";
  const { rules = [], distinct } = attached.parse(schema);
  const ofString = stringRules(schema);
  if (isRecord(schema.properties)) {
    result.properties = mapValues(schema.properties, (key, member) => structural(member, `${path}.${key}`, options));
  } else if (isRecord(schema.additionalProperties)) {
    result.additionalProperties = structural(schema.additionalProperties, `${path}{}`, options);
  }
  if (isRecord(schema.items)) {
    result.items = structural(schema.items, `${path}[]`, options);
    Object.assign(result, listType(distinct));
  }
  if (ofString.length > 0) delete result.pattern;
  return { ...result, ...validations([...(options.rules[path] ?? []), ...rules, ...ofString]) };
}

/** Items of lists and values of maps have no name and so need no description. */
const isField = (path: string) => !/[\]}]$/.test(path);

const kept = [
  "type",
  "description",
  "format",
  "enum",
  "pattern",
  "required",
  "minLength",
  "maxLength",
  "minimum",
  "maximum",
  "minItems",
  "maxItems",
  "maxProperties",
  "nullable",
];

function intOrString(schema: Schema): Schema {
  return {
    "x-kubernetes-int-or-string": true,
    anyOf: [{ type: "integer" }, { type: "string" }],
    pattern: schema.pattern,
    maxLength: 32,
  };
}

/** A list-map has keys, a set has none; every other list is atomic. */
function listType(distinct: readonly string[] | undefined): Schema {
  if (distinct === undefined) return { "x-kubernetes-list-type": "atomic" };
  if (distinct.length === 0) return { "x-kubernetes-list-type": "set" };
  return { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": distinct };
}

function validations(rules: readonly CelRule[] = []): Schema {
  if (rules.length === 0) return {};
  return { "x-kubernetes-validations": rules.map(({ cel, ...rest }) => ({ rule: cel, ...rest })) };
}

/** Strings whose form and bounds JSON Schema cannot express. */
function stringRules(schema: Schema): CelRule[] {
  const form = uriForms.find(({ pattern }) => new RegExp(pattern).source === schema.pattern);
  if (form) return uriRules(form);
  return isDecimal(schema) ? decimalRules(schema.decimalBounds, String(schema.pattern)) : [];
}

const uriRules = ({ clusterPattern, clusterMessage }: (typeof uriForms)[number]): CelRule[] => [
  { cel: `self.matches('${escaped(clusterPattern)}')`, message: clusterMessage },
  { cel: "!self.matches('/[.]{1,2}(/|$)')", message: "must not contain . or .. as a part of the path" },
];

/** A pattern within a string of CEL. */
const escaped = (pattern: string): string => pattern.replaceAll("\\", "\\\\");

function isDecimal(schema: Schema): schema is Schema & { decimalBounds: DecimalBounds } {
  return isRecord(schema.decimalBounds);
}

function decimalRules(bounds: DecimalBounds, pattern: string): CelRule[] {
  const literal = (value: number) => (Number.isInteger(value) && value < 1e15 ? `${value}.0` : String(value));
  const terms = [
    ...(bounds.min === undefined ? [] : [`double(self) >= ${literal(bounds.min)}`]),
    ...(bounds.exclusiveMin === undefined ? [] : [`double(self) > ${literal(bounds.exclusiveMin)}`]),
    ...(bounds.max === undefined ? [] : [`double(self) <= ${literal(bounds.max)}`]),
  ];
  const form = `self.matches('${escaped(pattern)}')`;
  const text = boundsText(bounds);
  return [
    {
      cel: [form, ...terms].join(" && "),
      message: `must be a decimal number as a string${text ? `, ${text}` : ""}, such as "0.05" or "2e-4"`,
    },
  ];
}

function mapValues(record: Record<string, unknown>, map: (key: string, value: Schema) => Schema): Schema {
  return Object.fromEntries(
    Object.entries(record).map(([key, value]) => {
      if (!isRecord(value)) throw new Error(`not a schema: ${key}`);
      return [key, map(key, value)];
    }),
  );
}
