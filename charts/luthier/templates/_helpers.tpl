{{/* Name of the operator's objects. */}}
{{- define "luthier.name" -}}
{{- if .Values.fullnameOverride }}{{ include "luthier.plain" .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains "luthier" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}{{ printf "%s-luthier" (.Release.Name | trunc 42 | trimSuffix "-") }}
{{- end }}
{{- end }}

{{- define "luthier.serviceAccount" -}}
{{- if .Values.serviceAccount.name }}{{ include "luthier.plain" .Values.serviceAccount.name }}
{{- else if .Values.serviceAccount.create }}{{ include "luthier.name" . }}
{{- else }}{{ fail "serviceAccount.create: false needs serviceAccount.name, the name of an existing ServiceAccount" }}
{{- end }}
{{- end }}

{{- define "luthier.replicas" -}}
{{- if kindIs "invalid" .Values.operator.replicas }}{{ if .Values.operator.leaderElection }}2{{ else }}1{{ end }}{{ else }}{{ int .Values.operator.replicas }}{{ end }}
{{- end }}

{{- define "luthier.selector" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default "luthier" | include "luthier.string" }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "luthier.ownLabels" -}}
{{ include "luthier.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end }}

{{/*
Name, namespace, labels and annotations of an object; called with (dict "root" $ "name" … "namespace" … "labels" …
"annotations" …). The chart's own labels win, because selectors need them.
*/}}
{{- define "luthier.metadata" -}}
{{- $own := include "luthier.ownLabels" .root | fromYaml }}
{{- with .name }}name: {{ include "luthier.string" . }}
{{ end }}
{{- with .namespace }}namespace: {{ include "luthier.string" . }}
{{ end -}}
labels: {{- include "luthier.strings" (merge $own (.labels | default dict) .root.Values.commonLabels) | indent 2 }}
{{- with merge (dict) (.annotations | default dict) .root.Values.commonAnnotations }}
annotations: {{- include "luthier.strings" . | trim | nindent 2 }}
{{- end }}
{{- end }}

{{/* Subject of the operator's bindings. */}}
{{- define "luthier.subjects" -}}
- kind: ServiceAccount
  name: {{ include "luthier.serviceAccount" . | quote }}
  namespace: {{ .Release.Namespace | quote }}
{{- end }}

{{/* registry/repository@digest, or :tag; called with (dict "image" … "chart" .Chart). */}}
{{- define "luthier.image" -}}
{{- $name := .image.repository }}
{{- if .image.registry }}{{ $name = printf "%s/%s" .image.registry $name }}{{ end }}
{{- if .image.digest }}{{ printf "%s@%s" $name .image.digest }}{{ else }}{{ printf "%s:%s" $name (.image.tag | default .chart.AppVersion) }}{{ end }}
{{- end }}

{{/* Variables of the trainer's pods, as JSON. */}}
{{- define "luthier.trainerEnv" -}}
{{- $env := deepCopy .Values.trainer.env }}
{{- if .Values.trainer.caCertificates }}{{ $_ := set $env "LUTHIER_CA_CERTIFICATES" .Values.trainer.caCertificates }}{{ end }}
{{- toJson $env }}
{{- end }}

{{/* The user of the pods; empty: the cluster chooses. */}}
{{- define "luthier.user" -}}
{{- if not (kindIs "invalid" .Values.runAsUser) }}{{ int64 .Values.runAsUser }}{{ end }}
{{- end }}

{{- define "luthier.podSecurity" -}}
runAsNonRoot: true
{{- with include "luthier.user" . }}
runAsUser: {{ . }}
runAsGroup: {{ . }}
{{- end }}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "luthier.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* A value as a quoted string: YAML or --set parses a namespace named 1234 as a number. */}}
{{- define "luthier.string" -}}
{{- if kindIs "string" . }}{{ . | quote }}{{ else }}{{ . | toJson | quote }}{{ end }}
{{- end }}

{{/* The same without quotes. */}}
{{- define "luthier.plain" -}}
{{- if kindIs "string" . }}{{ . }}{{ else }}{{ . | toJson }}{{ end }}
{{- end }}

{{/* A map of strings. */}}
{{- define "luthier.strings" -}}
{{- range $key, $value := . }}
{{ $key | quote }}: {{ include "luthier.string" $value }}
{{- end }}
{{- end }}

{{/* Name of the Lease of the watched scope; the same as in operator/configuration.ts. */}}
{{- define "luthier.lease" -}}
luthier-operator{{ with .Values.operator.namespace }}-{{ include "luthier.plain" . }}{{ end }}
{{- end }}

{{/* Secret of the certificate of /metrics. */}}
{{- define "luthier.metricsSecret" -}}
{{- if .Values.metrics.tls.secretName }}{{ include "luthier.plain" .Values.metrics.tls.secretName }}{{ else }}{{ include "luthier.name" . }}-metrics-tls{{ end }}
{{- end }}

{{/* The operator's rights in the watched namespaces, by verb. */}}
{{- define "luthier.rules" -}}
- apiGroups: [luthier.dev]
  resources: [finetunejobs]
  verbs: [get, list, watch]
- apiGroups: [luthier.dev]
  resources: [finetunejobs/status, finetuneruns/status, adapters/status]
  verbs: [patch]
- apiGroups: [luthier.dev]
  resources: [finetuneruns, adapters]
  verbs: [get, list, watch, create, patch]
# To set owner references that block deletion (OwnerReferencesPermissionEnforcement).
- apiGroups: [luthier.dev]
  resources: [finetunejobs/finalizers, finetuneruns/finalizers, adapters/finalizers]
  verbs: [update]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
# For the default memory limit of a run without its own limit.
- apiGroups: [""]
  resources: [limitranges]
  verbs: [list]
# Kueue explains there why a Job waits in a queue.
- apiGroups: [kueue.x-k8s.io]
  resources: [workloads]
  verbs: [list]
# Often only Events explain why a pod does not start.
- apiGroups: [""]
  resources: [events]
  verbs: [list, create]
{{- end }}
