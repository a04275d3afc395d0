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
  /** prepare, check, train or export. */
  stage: `${group}/stage`,
  /** First 16 hex digits of the settings' hash, to find the Adapter of settings that were trained before. */
  specHash: `${group}/spec-hash`,
  /** On the Job of a training: the product of the GPU that it needs. */
  gpuClass: `${group}/gpu-class`,
} as const;

export const annotations = {
  /** On a pod template: the run file, read through a downward API volume. */
  runFile: `${group}/run-file`,
  /** On a batch Job: digest of the rendered Job, by which an outdated Job is recognised. */
  rendered: `${group}/rendered`,
  /** On a FineTuneJob: any new value makes the operator read the inputs again. */
  requestedAt: `${group}/requested-at`,
  /** On an Adapter: when it was last promoted. */
  promotedAt: `${group}/promoted-at`,
  /** On an Adapter: names of the exports that its FineTuneJob requested; the operator leaves others alone. */
  jobExports: `${group}/job-exports`,
} as const;
