{{/*
The shared parts of a namespace's periodic jobs, which run a command of `luthier` from the operator's image (cli/periodic/main.ts).

Their ServiceAccount, and its rights, in each of the namespaces; called with (dict "root" $ "name" … "namespaces" … "resources" …).
*/}}
{{- define "luthier.periodicRights" -}}
{{- $name := .name }}
{{- $resources := .resources }}
{{- $root := .root }}
{{- range $namespace := uniq .namespaces }}
{{- $metadata := dict "root" $root "name" $name "namespace" $namespace }}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{- include "luthier.metadata" $metadata | nindent 2 }}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{- include "luthier.metadata" $metadata | nindent 2 }}
rules:
  - apiGroups: [luthier.dev]
    resources: {{ $resources | toJson }}
    verbs: [list]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{- include "luthier.metadata" $metadata | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $name | quote }}
subjects:
  - kind: ServiceAccount
    name: {{ $name | quote }}
    namespace: {{ $namespace | quote }}
{{- end }}
{{- end }}

{{/*
A CronJob; called with (dict "root" $ "account" … "name" … "namespace" … "component" … "settings" … "args" … "env" …), with
"claim" to mount one, and "secret" (dict "name" … "required" … "optional" …) for variables from the keys of a Secret.
*/}}
{{- define "luthier.periodicJob" -}}
{{- $root := .root }}
---
apiVersion: batch/v1
kind: CronJob
metadata: {{- include "luthier.metadata" (dict "root" $root "name" .name "namespace" .namespace) | nindent 2 }}
spec:
  schedule: {{ .settings.schedule | quote }}
  {{- with .settings.timeZone }}
  timeZone: {{ . | quote }}
  {{- end }}
  concurrencyPolicy: Forbid
  successfulJobsHistoryLimit: 1
  failedJobsHistoryLimit: 1
  jobTemplate:
    spec:
      backoffLimit: 1
      template:
        metadata:
          labels:
            app.kubernetes.io/name: {{ $root.Values.nameOverride | default "luthier" | include "luthier.string" }}
            app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
            app.kubernetes.io/component: {{ .component }}
        spec:
          restartPolicy: Never
          serviceAccountName: {{ .account | quote }}
          automountServiceAccountToken: true
          enableServiceLinks: false
          securityContext:
            {{- include "luthier.podSecurity" $root | nindent 12 }}
            {{- with include "luthier.user" $root }}
            fsGroup: {{ . }}
            fsGroupChangePolicy: OnRootMismatch
            {{- end }}
          {{- with $root.Values.images.pullSecrets }}
          imagePullSecrets: {{- toYaml . | nindent 12 }}
          {{- end }}
          containers:
            - name: luthier
              image: {{ include "luthier.image" (dict "image" $root.Values.images.operator "chart" $root.Chart) | quote }}
              imagePullPolicy: {{ $root.Values.images.pullPolicy | quote }}
              command: [/usr/bin/tini, --, /usr/local/bin/node, --disable-warning=ExperimentalWarning, cli/periodic/main.ts]
              args:
                {{- range .args }}
                - {{ . | quote }}
                {{- end }}
              {{- with include "luthier.periodicEnv" . | trim }}
              env: {{- . | nindent 16 }}
              {{- end }}
              securityContext: {{- include "luthier.containerSecurity" $root | nindent 16 }}
              resources: {{- toYaml .settings.resources | nindent 16 }}
              volumeMounts:
                - {name: tmp, mountPath: /tmp}
                {{- with .claim }}
                - name: store
                  mountPath: {{ printf "/luthier/claims/%s" . | quote }}
                {{- end }}
          volumes:
            - {name: tmp, emptyDir: {}}
            {{- with .claim }}
            - name: store
              persistentVolumeClaim: {claimName: {{ . | quote }}}
            {{- end }}
{{- end }}

{{/* Variables of such a job: those of the trainer's pods, its own, and those from its Secret. */}}
{{- define "luthier.periodicEnv" -}}
{{- range $key, $value := merge (dict) .env (include "luthier.trainerEnv" .root | fromJson) }}
- name: {{ $key | quote }}
  value: {{ $value | quote }}
{{- end }}
{{- with .secret }}
{{- $secret := include "luthier.string" .name }}
{{- range .required }}
- name: {{ . }}
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ . }}}}
{{- end }}
{{- range .optional }}
- name: {{ . }}
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ . }}, optional: true}}
{{- end }}
{{- end }}
{{- end }}
