{{/* What analysis and executor read in a namespace. Secrets are not here, and never will be. */}}
{{- define "paramedic.readRules" -}}
- apiGroups: [""]
  resources: [pods, events, resourcequotas{{ if .Values.rbac.readConfigMaps }}, configmaps{{ end }}]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
- apiGroups: [apps]
  resources: [deployments, replicasets, statefulsets, daemonsets]
  verbs: [get, list, watch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch]
- apiGroups: [metrics.k8s.io]
  resources: [pods]
  verbs: [get, list]
{{- end }}

{{/* What exists once per cluster. */}}
{{- define "paramedic.clusterReadRules" -}}
- apiGroups: [""]
  resources: [nodes, namespaces]
  verbs: [get, list, watch]
- apiGroups: [metrics.k8s.io]
  resources: [nodes]
  verbs: [get, list]
{{- end }}

{{/* What the executor changes. In observe mode it has none of these, unless rbac.observeDryRun gives it `patch`. */}}
{{- define "paramedic.patchRules" -}}
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [patch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [patch]
{{- end }}
{{- define "paramedic.actRules" -}}
- apiGroups: [""]
  resources: [pods]
  verbs: [delete]
# A command in a container, to collect diagnostics. `get` as well: until Kubernetes 1.35 a WebSocket exec was authorised as a read.
- apiGroups: [""]
  resources: [pods/exec]
  verbs: [create, get]
{{- end }}

{{/* Everything the executor may do beyond reading. */}}
{{- define "paramedic.writeRules" -}}
{{- $acts := ne .Values.cluster.mode "observe" -}}
{{- if or $acts .Values.rbac.observeDryRun }}
{{- include "paramedic.patchRules" . }}
{{- end }}
{{- if $acts }}
{{ include "paramedic.actRules" . }}
{{- end }}
{{- end }}
