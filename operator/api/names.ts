/** The API group, and every label and annotation that the operator reads or writes. */
export const group = "luthier.dev";
export const version = "v1alpha1";

export const managedBy = "luthier-operator";

export const labels = {
  managedBy: "app.kubernetes.io/managed-by",
  /** Name of the FineTuneJob that an object belongs to. */
  job: `${group}/finetunejob`,
  run: `${group}/finetunerun`,
  adapter: `${group}/adapter`,
  /** prepare, train or export. */
  stage: `${group}/stage`,
  /** First 16 hex digits of the settings' hash: finds the Adapter of settings that were trained before. */
  specHash: `${group}/spec-hash`,
} as const;

export const annotations = {
  /** On a pod template: the run file, read through a downward API volume. */
  runFile: `${group}/run-file`,
  /** On a batch Job: digest of the Job as it was rendered, by which one that should be another by now is known. */
  rendered: `${group}/rendered`,
  /** On a FineTuneJob: any new value looks at the inputs again. */
  requestedAt: `${group}/requested-at`,
  /** On an Adapter: when it was last promoted. */
  promotedAt: `${group}/promoted-at`,
  /** On an Adapter: names of the exports that its FineTuneJob asked for; others are left alone. */
  jobExports: `${group}/job-exports`,
} as const;
