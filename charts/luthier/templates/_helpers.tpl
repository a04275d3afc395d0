{{- define "luthier.name" -}}
{{- if contains "luthier" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-luthier" (.Release.Name | trunc 42 | trimSuffix "-") }}{{ end }}
{{- end }}

{{- define "luthier.selector" -}}
app.kubernetes.io/name: luthier
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "luthier.labels" -}}
{{ include "luthier.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
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

{{/* A value as a quoted string: YAML or --set parses a namespace named 1234 as a number. */}}
{{- define "luthier.string" -}}
{{- if kindIs "string" . }}{{ . | quote }}{{ else }}{{ . | toJson | quote }}{{ end }}
{{- end }}

{{/* A map of strings. */}}
{{- define "luthier.strings" -}}
{{- range $key, $value := . }}
{{ $key | quote }}: {{ include "luthier.string" $value }}
{{- end }}
{{- end }}

{{/* Name of the Lease of the watched scope; the same as in operator/configuration.ts. */}}
{{- define "luthier.lease" -}}
luthier-operator{{ with .Values.operator.namespace }}-{{ include "luthier.string" . | trimAll "\"" }}{{ end }}
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
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
# For the default memory limit of a run without its own limit.
- apiGroups: [""]
  resources: [limitranges]
  verbs: [list]
# Often only Events explain why a pod does not start.
- apiGroups: [""]
  resources: [events]
  verbs: [list, create]
{{- end }}
