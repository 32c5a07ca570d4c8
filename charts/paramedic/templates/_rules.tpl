{{/* What analysis and executor read in a namespace. Secrets are not here; only `rbac.helmRollback` lets the executor alone see them. */}}
{{- define "paramedic.readRules" -}}
- apiGroups: [""]
  resources: [pods, events, services, serviceaccounts, persistentvolumeclaims, resourcequotas, limitranges{{ if .Values.rbac.readConfigMaps }}, configmaps{{ end }}]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
- apiGroups: [apps]
  resources: [deployments, replicasets, statefulsets, daemonsets, controllerrevisions]
  verbs: [get, list, watch]
- apiGroups: [batch]
  resources: [jobs, cronjobs]
  verbs: [get, list, watch]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch]
- apiGroups: [argoproj.io]
  resources: [applications]
  verbs: [get, list, watch]
- apiGroups: [kustomize.toolkit.fluxcd.io, helm.toolkit.fluxcd.io]
  resources: [kustomizations, helmreleases]
  verbs: [get, list, watch]
- apiGroups: [gateway.networking.k8s.io]
  resources: [gateways, httproutes]
  verbs: [get, list, watch]
- apiGroups: [source.toolkit.fluxcd.io]
  resources: [gitrepositories]
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

{{/* What the gateway watches in a namespace, to know what depends on what. It gets and changes nothing. */}}
{{- define "paramedic.watchRules" -}}
- apiGroups: [""]
  resources: [pods, services, persistentvolumeclaims, resourcequotas{{ if .Values.rbac.readConfigMaps }}, configmaps{{ end }}]
  verbs: [list, watch]
- apiGroups: [apps]
  resources: [deployments, replicasets, statefulsets, daemonsets]
  verbs: [list, watch]
- apiGroups: [batch]
  resources: [jobs, cronjobs]
  verbs: [list, watch]
- apiGroups: [argoproj.io]
  resources: [rollouts]
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
- apiGroups: [networking.k8s.io]
  resources: [ingresses, networkpolicies]
  verbs: [list, watch]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes, grpcroutes]
  verbs: [list, watch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list, watch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [list, watch]
- apiGroups: [cert-manager.io]
  resources: [certificates]
  verbs: [list, watch]
{{- end }}

{{/* Warning events, which become alerts. */}}
{{- define "paramedic.eventRules" -}}
- apiGroups: [""]
  resources: [events]
  verbs: [list, watch]
{{- end }}

{{/* What the gateway watches in a namespace, as far as it is switched on. */}}
{{- define "paramedic.gatewayRules" -}}
{{- if .Values.gateway.topology }}
{{- include "paramedic.watchRules" . }}
{{- end }}
{{- if .Values.gateway.kubernetesEvents }}
{{ include "paramedic.eventRules" . }}
{{- end }}
{{- end }}

{{/* What the gateway watches that exists once per cluster. */}}
{{- define "paramedic.clusterWatchRules" -}}
- apiGroups: [""]
  resources: [nodes, namespaces]
  verbs: [list, watch]
{{- end }}

{{/* What exists once per cluster. */}}
{{- define "paramedic.clusterReadRules" -}}
- apiGroups: [""]
  resources: [nodes, namespaces]
  verbs: [get, list, watch]
- apiGroups: [storage.k8s.io]
  resources: [storageclasses]
  verbs: [get, list, watch]
- apiGroups: [metrics.k8s.io]
  resources: [nodes]
  verbs: [get, list]
{{- end }}

{{/* What only analysis reads in a namespace: where faults are, though nothing is changed there. */}}
{{- define "paramedic.analysisRules" -}}
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [list]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [rolebindings]
  verbs: [list]
- apiGroups: [cert-manager.io]
  resources: [certificates]
  verbs: [list]
{{- end }}

{{/* What only analysis reads of the cluster. */}}
{{- define "paramedic.analysisClusterRules" -}}
- apiGroups: [""]
  resources: [persistentvolumes]
  verbs: [list]
- apiGroups: [networking.k8s.io]
  resources: [ingressclasses]
  verbs: [list]
- apiGroups: [gateway.networking.k8s.io]
  resources: [gatewayclasses]
  verbs: [list]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [list]
- apiGroups: [apiregistration.k8s.io]
  resources: [apiservices]
  verbs: [list]
- apiGroups: [certificates.k8s.io]
  resources: [certificatesigningrequests]
  verbs: [list]
- apiGroups: [admissionregistration.k8s.io]
  resources: [validatingwebhookconfigurations, mutatingwebhookconfigurations]
  verbs: [list]
{{- /* A question, though it is a POST: whether an account may do something. Nothing is stored. */}}
- apiGroups: [authorization.k8s.io]
  resources: [subjectaccessreviews]
  verbs: [create]
{{- end }}

{{/* What the executor changes. A server-side dry run needs the same rights as the change. */}}
{{- define "paramedic.changeRules" -}}
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [patch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [patch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [patch, delete]
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
- apiGroups: [""]
  resources: [pods/resize, configmaps, persistentvolumeclaims]
  verbs: [patch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [create, patch, delete]
- apiGroups: [batch]
  resources: [cronjobs]
  verbs: [patch]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [create, patch, delete]
- apiGroups: [snapshot.storage.k8s.io]
  resources: [volumesnapshots]
  verbs: [create, get, delete]
- apiGroups: [argoproj.io]
  resources: [applications]
  verbs: [patch]
- apiGroups: [kustomize.toolkit.fluxcd.io, helm.toolkit.fluxcd.io]
  resources: [kustomizations, helmreleases]
  verbs: [patch]
{{- end }}

{{/* Rollbacks of Helm releases: their records are Secrets, and their objects come and go. */}}
{{- define "paramedic.helmRules" -}}
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [create, delete]
- apiGroups: [""]
  resources: [services, serviceaccounts, configmaps]
  verbs: [create, patch, delete]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [create, delete]
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [get, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [create, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [create, delete]
- apiGroups: [batch]
  resources: [cronjobs]
  verbs: [create, delete]
{{- end }}

{{/* Cordons, taints and drains: nodes belong to no namespace. */}}
{{- define "paramedic.nodeRules" -}}
- apiGroups: [""]
  resources: [nodes]
  verbs: [patch]
{{- end }}

{{/* An HTTP check of a service or pod goes through the API server. */}}
{{- define "paramedic.proxyRules" -}}
- apiGroups: [""]
  resources: [services/proxy, pods/proxy]
  verbs: [get]
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
{{- if .Values.rbac.helmRollback }}
{{ include "paramedic.helmRules" . }}
{{- end }}
{{ include "paramedic.execRules" . }}
{{ include "paramedic.proxyRules" . }}
{{- end }}
{{- end }}
