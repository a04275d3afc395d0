/**
 * Locations: the URIs that each field accepts, the endpoint of the store behind one, and its credentials. JavaScript
 * and the API server (RE2) read the patterns alike. No URI contains user information.
 */
import { z } from "zod";
import type { Rule } from "./rules.ts";

const part = "[A-Za-z0-9._=+@-]+";
/** A part of the path of data, which may be a pattern. */
const dataPart = "[A-Za-z0-9._=+@*?!,^{}\\[\\]-]+";
const hubName = "[A-Za-z0-9][A-Za-z0-9._-]{0,95}";
const pvc = (name: string) => `pvc://[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?(/${name})*/?`;
const s3 = (name: string) => `s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/${name})*/?`;
const file = (name: string) => `file://(/${name})+/?`;
const hubModel = `hf://${hubName}/${hubName}`;
const hubData = `hf://datasets/${hubName}/${hubName}(@${hubName})?(/${dataPart})*/?`;

interface UriForm {
  /** Matches every accepted URI, `file://` included. */
  pattern: string;
  /** Matches the URIs that a cluster accepts. */
  clusterPattern: string;
  /** The error message of `clusterPattern`. */
  clusterMessage: string;
}

function uriForm(forms: readonly string[], local: string, words: string, charset: string): UriForm {
  const anyOf = (list: readonly string[]) => `^(${list.join("|")})$`;
  return {
    pattern: anyOf([...forms, local]),
    clusterPattern: anyOf(forms),
    clusterMessage: `must be ${words}, with letters, digits and ${charset} in each part of the path; no user information (file:// only works outside a cluster)`,
  };
}

const modelForm = uriForm(
  [pvc(part), s3(part), hubModel],
  file(part),
  "pvc://CLAIM/PATH, s3://BUCKET/PATH or hf://ORGANISATION/MODEL",
  "._=+@-",
);
const dataForm = uriForm(
  [pvc(dataPart), s3(dataPart), hubData],
  file(dataPart),
  "pvc://CLAIM/PATH, s3://BUCKET/PATH or hf://datasets/ORGANISATION/NAME[/PATH]",
  "._=+@-, and those of patterns (* ? [ ] { } , ! ^)",
);
const artifactsForm = uriForm([pvc(part), s3(part)], file(part), "pvc://CLAIM/PATH or s3://BUCKET/PATH", "._=+@-");

export const uriForms: readonly UriForm[] = [modelForm, dataForm, artifactsForm];

const uri = (form: UriForm) =>
  z
    .string()
    .max(1024)
    .regex(new RegExp(form.pattern), form.clusterMessage)
    .refine((text) => !/\/\.{1,2}(\/|$)/.test(text), { message: "must not contain . or .. as a part of the path" });

/** A model's directory. */
export const modelUri = uri(modelForm);
/** Files of examples. */
export const dataUri = uri(dataForm);
/** A directory that the trainer writes to. */
export const artifactsUri = uri(artifactsForm);

/** A single file that the trainer reads. */
export const fileUri = uri(artifactsForm);

/** A repository of an OCI registry, without a tag. */
export const ociUri = z
  .string()
  .max(255)
  .regex(
    /^oci:\/\/[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)+$/,
    "must be oci://REGISTRY/REPOSITORY in lower case, without a tag",
  );

const secretName = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);

/** The key of a Secret of type kubernetes.io/dockerconfigjson. */
export const registryKey = ".dockerconfigjson";

/** The keys that are read from a Secret; others are ignored. */
export const secretKeys = {
  hf: { required: ["HF_TOKEN"], optional: [] },
  oci: { required: [registryKey], optional: [] },
  s3: {
    required: ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
    optional: ["AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL"],
  },
} as const satisfies Record<string, { required: readonly string[]; optional: readonly string[] }>;

/** The scheme of a URI whose store is reached over a network; undefined for other URIs. */
export const remoteScheme = (text: string): keyof typeof secretKeys | undefined =>
  schemes.find((scheme) => text.startsWith(`${scheme}://`));

const schemes = ["s3", "hf", "oci"] as const;

const endpoint = z
  .string()
  .max(512)
  .regex(
    /^https?:\/\/[A-Za-z0-9.-]+(:[0-9]{1,5})?(\/[A-Za-z0-9._~-]+)*\/?$/,
    "must be http(s)://HOST[:PORT][/PATH], without user information",
  );
const secretRef = z.strictObject({ name: secretName });

/** The members that an object with a possibly remote `uri` has in addition. */
export const access = {
  endpoint: endpoint.optional().meta({
    description:
      "Address of an S3-compatible store or of a mirror of the hub. Default for s3://: the Secret's AWS_ENDPOINT_URL, else AWS' endpoint of the region; for hf://: https://huggingface.co.",
  }),
  secretRef: secretRef.optional().meta({
    description:
      "Secret in this namespace with the credentials: for s3:// the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and optionally AWS_SESSION_TOKEN, AWS_REGION and AWS_ENDPOINT_URL; for hf:// the key HF_TOKEN. Default: no credentials, for public data.",
  }),
};

/** The members beside the `uri` of a repository of a registry. */
export const registryAccess = {
  endpoint: z
    .string()
    .max(512)
    .regex(/^https?:\/\/[A-Za-z0-9.-]+(:[0-9]{1,5})?$/, "must be http(s)://HOST[:PORT]")
    .optional()
    .meta({
      description:
        "Address of the registry, if it is not https:// and the host of the uri: for a registry without TLS, or a mirror.",
    }),
  secretRef: secretRef.optional().meta({
    description:
      "Secret in this namespace of type kubernetes.io/dockerconfigjson with the login for the registry. Default: no login.",
  }),
};

export interface Accessed {
  uri?: string | undefined;
  endpoint?: string | undefined;
  secretRef?: { name: string } | undefined;
}

/** `endpoint` and `secretRef` are allowed for remote stores only. */
export const accessIsRemote: Rule<Accessed> = {
  cel: "(!has(self.endpoint) && !has(self.secretRef)) || (has(self.uri) && (self.uri.startsWith('s3://') || self.uri.startsWith('hf://')))",
  holds: ({ uri: text, endpoint: at, secretRef: secret }) =>
    (at === undefined && secret === undefined) || (text !== undefined && remoteScheme(text) !== undefined),
  message: "endpoint and secretRef need a uri of s3:// or hf://: remove them",
};

export const revisionIsOfHub: Rule<{ uri: string; revision?: string | undefined }> = {
  cel: "!has(self.revision) || self.uri.startsWith('hf://')",
  holds: ({ uri: text, revision }) => revision === undefined || text.startsWith("hf://"),
  message: "revision needs a uri of hf://: remove it",
  fieldPath: ".revision",
};

/** `split` and `configuration` are those of a whole data set of the hub. */
export const splitIsOfHub: Rule<{
  uri?: string | undefined;
  split?: string | undefined;
  configuration?: string | undefined;
}> = {
  cel: "(!has(self.split) && !has(self.configuration)) || (has(self.uri) && self.uri.matches('^hf://datasets/[^/]+/[^/]+/?$'))",
  holds: ({ uri: text = "", split, configuration }) =>
    (split === undefined && configuration === undefined) || /^hf:\/\/datasets\/[^/]+\/[^/]+\/?$/.test(text),
  message: "split and configuration need a uri of hf://datasets/ORGANISATION/NAME without a path: remove them",
  fieldPath: ".uri",
};

/** The endpoint and credentials for everything below a URI. */
export const location = z.strictObject({
  uri: z.string().max(1200),
  endpoint: endpoint.optional(),
  secretRef: secretRef.optional(),
});
export type Location = z.infer<typeof location>;

/** The locations of those objects whose `uri` is remote. */
export function locationsOf(accessed: readonly (Accessed | undefined)[]): Location[] {
  return accessed.flatMap((one) => {
    if (one?.uri === undefined || remoteScheme(one.uri) === undefined) return [];
    const { endpoint: at, secretRef: secret } = one;
    return [{ uri: one.uri, ...(at !== undefined && { endpoint: at }), ...(secret && { secretRef: secret }) }];
  });
}

interface Inputs {
  baseModel: Accessed;
  dataset: {
    sources: readonly Accessed[];
    validation?: Accessed | undefined;
    chatTemplate?: Accessed | undefined;
  };
  evaluation?: { test: Accessed } | undefined;
}

/** The remote locations that prepare reads; `adapters`: those of the method. */
export const inputLocations = (
  { baseModel, dataset, evaluation }: Inputs,
  adapters: readonly Accessed[] = [],
): Location[] =>
  locationsOf([baseModel, ...dataset.sources, dataset.validation, evaluation?.test, dataset.chatTemplate, ...adapters]);
