{{/* What analysis and executor read in a namespace. Secrets are not here, and never will be. */}}
{{- define "paramedic.readRules" -}}
- apiGroups: [""]
  resources: [pods, events, services, resourcequotas{{ if .Values.rbac.readConfigMaps }}, configmaps{{ end }}]
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
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
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

{{/* What the executor changes. A server-side dry run needs the same rights as the change. */}}
{{- define "paramedic.changeRules" -}}
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [patch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [delete]
{{- end }}

{{/* A command in a container, to collect diagnostics. `get` as well: until Kubernetes 1.35 a WebSocket exec was authorised as a read. */}}
{{- define "paramedic.execRules" -}}
- apiGroups: [""]
  resources: [pods/exec]
  verbs: [create, get]
{{- end }}

{{/* Everything the executor may do beyond reading. */}}
{{- define "paramedic.writeRules" -}}
{{- $acts := ne .Values.cluster.mode "observe" -}}
{{- if or $acts .Values.rbac.observeDryRun }}
{{- include "paramedic.changeRules" . }}
{{- end }}
{{- if $acts }}
{{ include "paramedic.execRules" . }}
{{- end }}
{{- end }}
