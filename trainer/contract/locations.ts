/**
 * Where things lie: the URIs that each field takes, how the store behind one is reached, and with whose credentials.
 * Patterns are written so that JavaScript and the API server (RE2) read them alike. No URI holds user information.
 */
import { z } from "zod";
import type { Rule } from "./rules.ts";

const part = "[A-Za-z0-9._=+@-]+";
const hubName = "[A-Za-z0-9][A-Za-z0-9._-]{0,95}";
const forms = {
  pvc: `pvc://[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?(/${part})*/?`,
  s3: `s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/${part})*/?`,
  hubModel: `hf://${hubName}/${hubName}`,
  hubFile: `hf://datasets/${hubName}/${hubName}(@${hubName})?(/${part})+`,
  file: `file://(/${part})+/?`,
};

interface UriForm {
  /** Of all that is accepted; `file://` among it. */
  pattern: string;
  /** Of what is accepted in a cluster. */
  clusterPattern: string;
  /** What a cluster accepts, in words. */
  clusterMessage: string;
}

function uriForm(names: readonly Exclude<keyof typeof forms, "file">[], words: string): UriForm {
  const anyOf = (list: readonly (keyof typeof forms)[]) => `^(${list.map((name) => forms[name]).join("|")})$`;
  const charset = "with letters, digits and ._=+@- in each part of the path";
  return {
    pattern: anyOf([...names, "file"]),
    clusterPattern: anyOf(names),
    clusterMessage: `must be ${words}, ${charset}; no user information (file:// only works outside a cluster)`,
  };
}

const modelForm = uriForm(["pvc", "s3", "hubModel"], "pvc://CLAIM/PATH, s3://BUCKET/PATH or hf://ORGANISATION/MODEL");
const dataForm = uriForm(
  ["pvc", "s3", "hubFile"],
  "pvc://CLAIM/PATH, s3://BUCKET/PATH or hf://datasets/ORGANISATION/NAME/PATH",
);
const artifactsForm = uriForm(["pvc", "s3"], "pvc://CLAIM/PATH or s3://BUCKET/PATH");

export const uriForms: readonly UriForm[] = [modelForm, dataForm, artifactsForm];

const uri = (form: UriForm) =>
  z
    .string()
    .max(1024)
    .regex(new RegExp(form.pattern), form.clusterMessage)
    .refine((text) => !/\/\.{1,2}(\/|$)/.test(text), { message: "must not contain . or .. as a part of the path" });

/** A model's directory. */
export const modelUri = uri(modelForm);
/** A file of examples. */
export const dataUri = uri(dataForm);
/** A directory that is written to. */
export const artifactsUri = uri(artifactsForm);

export const secretName = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);

/** What a Secret may hold; its other keys are not looked at. */
export const secretKeys = {
  hf: { required: ["HF_TOKEN"], optional: [] },
  s3: {
    required: ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
    optional: ["AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL"],
  },
} as const satisfies Record<string, { required: readonly string[]; optional: readonly string[] }>;

/** Stores that are reached over a network: the scheme of such a URI; undefined for the others. */
export const remoteScheme = (text: string): keyof typeof secretKeys | undefined =>
  text.startsWith("s3://") ? "s3" : text.startsWith("hf://") ? "hf" : undefined;

const endpoint = z
  .string()
  .max(512)
  .regex(
    /^https?:\/\/[A-Za-z0-9.-]+(:[0-9]{1,5})?(\/[A-Za-z0-9._~-]+)*\/?$/,
    "must be http(s)://HOST[:PORT][/PATH], without user information",
  );
const secretRef = z.strictObject({ name: secretName });

/** Members of an object whose `uri` may be reached over a network. */
export const access = {
  endpoint: endpoint.optional().meta({
    description:
      "Address of an S3-compatible store, or of a mirror of the hub. Default: the Secret's AWS_ENDPOINT_URL, else AWS' own of the region; https://huggingface.co.",
  }),
  secretRef: secretRef.optional().meta({
    description:
      "Secret of this namespace with the credentials: for s3:// the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and optionally AWS_SESSION_TOKEN, AWS_REGION and AWS_ENDPOINT_URL; for hf:// the key HF_TOKEN. Default: none, for what is public.",
  }),
};

interface Accessed {
  uri?: string | undefined;
  endpoint?: string | undefined;
  secretRef?: { name: string } | undefined;
}

/** `endpoint` and `secretRef` mean something for remote stores alone. */
export const accessIsRemote: Rule<Accessed> = {
  cel: "(!has(self.endpoint) && !has(self.secretRef)) || (has(self.uri) && (self.uri.startsWith('s3://') || self.uri.startsWith('hf://')))",
  holds: ({ uri: text, endpoint: at, secretRef: secret }) =>
    (at === undefined && secret === undefined) || (text !== undefined && remoteScheme(text) !== undefined),
  message: "endpoint and secretRef go with a uri of s3:// or hf://: leave them out",
};

export const revisionIsOfHub: Rule<{ uri: string; revision?: string | undefined }> = {
  cel: "!has(self.revision) || self.uri.startsWith('hf://')",
  holds: ({ uri: text, revision }) => revision === undefined || text.startsWith("hf://"),
  message: "revision goes with a uri of hf://: leave it out",
  fieldPath: ".revision",
};

/** How the store of everything below a URI is reached. */
export const location = z.strictObject({
  uri: z.string().max(1200),
  endpoint: endpoint.optional(),
  secretRef: secretRef.optional(),
});
export type Location = z.infer<typeof location>;

/** Of objects with a `uri` and how it is reached, those that are remote. */
export function locationsOf(accessed: readonly (Accessed | undefined)[]): Location[] {
  return accessed.flatMap((one) => {
    if (one?.uri === undefined || remoteScheme(one.uri) === undefined) return [];
    const { endpoint: at, secretRef: secret } = one;
    return [{ uri: one.uri, ...(at !== undefined && { endpoint: at }), ...(secret && { secretRef: secret }) }];
  });
}

interface Inputs {
  baseModel: Accessed;
  dataset: { sources: readonly Accessed[]; validation?: Accessed | undefined };
  evaluation?: { test: Accessed } | undefined;
}

/** Everything that prepare reads. */
export const inputLocations = ({ baseModel, dataset, evaluation }: Inputs): Location[] =>
  locationsOf([baseModel, ...dataset.sources, dataset.validation, evaluation?.test]);
