{{/* The roles, in the order an alert meets them. */}}
{{- define "paramedic.roles" -}}
gateway analysis planner executor approval notifier console
{{- end }}

{{/* Base name of every object. */}}
{{- define "paramedic.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* Labels that select one role's pods. Takes (dict "root" $ "role" name). */}}
{{- define "paramedic.selector" -}}
app.kubernetes.io/name: paramedic
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{/* All labels of one role's objects. */}}
{{- define "paramedic.labels" -}}
{{ include "paramedic.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: paramedic
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{/* Whether a role reads the cluster. Takes (dict "root" $ "role" name). */}}
{{- define "paramedic.reachesCluster" -}}
{{- if or (has .role (list "analysis" "executor")) (and (eq .role "gateway") (or .root.Values.gateway.topology .root.Values.gateway.kubernetesEvents)) }}true{{ end }}
{{- end }}

{{/* Whether a role's pods get an API token. Takes (dict "root" $ "role" name). */}}
{{- define "paramedic.hasToken" -}}
{{- if or (include "paramedic.reachesCluster" .) (and (eq .role "gateway") .root.Values.gateway.reviewTokens) }}true{{ end }}
{{- end }}

{{/* Environment of one role, plain values: the chart's, under the user's `env`, each name once. A map as YAML. */}}
{{- define "paramedic.plainEnv" -}}
{{- $values := .root.Values -}}
{{- $env := dict
    "PARAMEDIC_BUS__REPLICAS" $values.bus.replicas
    "PARAMEDIC_CLUSTER__NAME" $values.cluster.name
    "PARAMEDIC_CLUSTER__MODE" $values.cluster.mode
    "PARAMEDIC_HTTP__LISTEN" "0.0.0.0:8080"
    "PARAMEDIC_GRPC__LISTEN" "0.0.0.0:9090"
    "PARAMEDIC_TELEMETRY__LOG_FORMAT" $values.telemetry.logFormat
    "PARAMEDIC_TELEMETRY__LOG" $values.telemetry.log
    "PARAMEDIC_TELEMETRY__OTLP_ENDPOINT" $values.telemetry.otlpEndpoint -}}
{{- if not $values.bus.existingSecret }}{{ $_ := set $env "PARAMEDIC_BUS__URL" $values.bus.url }}{{ end -}}
{{- if include "paramedic.reachesCluster" . }}
{{- $_ := set $env "PARAMEDIC_CLUSTER__PROMETHEUS_URL" $values.cluster.prometheusUrl }}
{{- if ne .role "gateway" }}{{ $_ := set $env "PARAMEDIC_CLUSTER__LOKI_URL" $values.cluster.lokiUrl }}{{ end }}
{{- end -}}
{{- if and $values.cluster.policy (has .role (list "planner" "executor")) }}{{ $_ := set $env "PARAMEDIC_CLUSTER__POLICY_FILE" "/etc/paramedic-policy/policy.yaml" }}{{ end -}}
{{- if and $values.people.secret (has .role (list "planner" "executor" "approval" "console")) }}{{/* A file and not a variable, so that roles change without a restart. */}}{{ $_ := set $env "PARAMEDIC_PEOPLE__FILE" (printf "/etc/paramedic-people/%s" $values.people.secretKey) }}{{ end -}}
{{- if eq .role "gateway" }}{{/* A file and not the value, so that tokens change without a restart. */}}
{{- $_ := set $env "PARAMEDIC_GATEWAY__SOURCES__ALERTMANAGER__TOKENS_FILE" (printf "/etc/paramedic-tokens/%s" $values.gateway.tokensSecretKey) }}
{{- $_ := set $env "PARAMEDIC_GATEWAY__TOPOLOGY__ENABLED" $values.gateway.topology }}
{{- if $values.gateway.topology }}{{ $_ := set $env "PARAMEDIC_GATEWAY__TOPOLOGY__NAMESPACES" (join "," $values.rbac.namespaces) }}{{ end }}
{{- $_ := set $env "PARAMEDIC_GATEWAY__KUBERNETES_EVENTS__ENABLED" $values.gateway.kubernetesEvents }}
{{- if $values.gateway.kubernetesEvents }}{{ $_ := set $env "PARAMEDIC_GATEWAY__KUBERNETES_EVENTS__NAMESPACES" (join "," $values.rbac.namespaces) }}{{ end }}
{{- else if eq .role "analysis" }}
{{- $_ := set $env "PARAMEDIC_CLUSTER__JAEGER_URL" $values.cluster.jaegerUrl }}
{{- $_ := set $env "PARAMEDIC_CLUSTER__TEMPO_URL" $values.cluster.tempoUrl }}
{{- $_ := set $env "PARAMEDIC_CLUSTER__ALERTMANAGER_URL" $values.cluster.alertmanagerUrl }}
{{- with $values.analysis }}{{ if .modelUrl }}
{{- $_ := set $env "PARAMEDIC_ANALYSIS__MODEL__URL" .modelUrl }}
{{- $_ := set $env "PARAMEDIC_ANALYSIS__MODEL__PROVIDER" .modelProvider }}
{{- $_ := set $env "PARAMEDIC_ANALYSIS__MODEL__NAME" .modelName }}
{{- end }}{{ end }}
{{- else if eq .role "planner" }}
{{- $_ := set $env "PARAMEDIC_PLANNER__EXECUTOR_URL" (printf "http://%s-executor:9090" (include "paramedic.fullname" .root)) }}
{{- else if eq .role "notifier" }}
{{- $_ := set $env "PARAMEDIC_NOTIFIER__APPROVAL_URL" (printf "http://%s-approval:9090" (include "paramedic.fullname" .root)) }}
{{- $_ := set $env "PARAMEDIC_NOTIFIER__EMAIL__URL" $values.notifier.emailUrl }}
{{- $_ := set $env "PARAMEDIC_NOTIFIER__EMAIL__FROM" $values.notifier.emailFrom }}
{{- $_ := set $env "PARAMEDIC_NOTIFIER__EMAIL__TO" (join "," $values.notifier.emailTo) }}
{{- $_ := set $env "PARAMEDIC_NOTIFIER__SLACK__CHANNEL" $values.notifier.slackChannel }}
{{- if $values.notifier.discordForum }}{{ $_ := set $env "PARAMEDIC_NOTIFIER__DISCORD__FORUM" true }}{{ end }}
{{- $_ := set $env "PARAMEDIC_NOTIFIER__TELEGRAM__CHAT" $values.notifier.telegramChat }}
{{- end -}}
{{- range $name, $value := $env }}{{ if eq (toString $value) "" }}{{ $_ := unset $env $name }}{{ end }}{{ end -}}
{{- if eq .role "approval" }}{{/* Empty says something here: no links, instead of links to the loopback address. */}}
{{- $_ := set $env "PARAMEDIC_APPROVAL__PUBLIC_URL" $values.approval.publicUrl }}
{{- end -}}
{{- toYaml (merge (deepCopy (index $values.roles .role).env) $env) }}
{{- end }}

{{/* Environment of one role from secrets: list items. */}}
{{- define "paramedic.secretEnv" -}}
{{- $values := .root.Values -}}
{{- if $values.bus.existingSecret }}
- {name: PARAMEDIC_BUS__URL, valueFrom: {secretKeyRef: {name: {{ $values.bus.existingSecret }}, key: {{ $values.bus.existingSecretKey }}}}}
{{- end }}
{{- if eq .role "analysis" }}
{{- with $values.analysis.modelSecret }}
- {name: PARAMEDIC_ANALYSIS__MODEL__API_KEY, valueFrom: {secretKeyRef: {name: {{ . }}, key: {{ $values.analysis.modelSecretKey }}}}}
{{- end }}
{{- else if eq .role "approval" }}
{{- with $values.approval.notifierTokenSecret }}
- {name: PARAMEDIC_APPROVAL__NOTIFIER_TOKEN, valueFrom: {secretKeyRef: {name: {{ . }}, key: {{ $values.approval.notifierTokenSecretKey }}}}}
{{- end }}
{{- else if eq .role "notifier" }}
{{- with $values.approval.notifierTokenSecret }}
- {name: PARAMEDIC_NOTIFIER__APPROVAL_TOKEN, valueFrom: {secretKeyRef: {name: {{ . }}, key: {{ $values.approval.notifierTokenSecretKey }}}}}
{{- end }}
{{- with $values.notifier.emailSecret }}
- {name: PARAMEDIC_NOTIFIER__EMAIL__USERNAME, valueFrom: {secretKeyRef: {name: {{ . }}, key: username}}}
- {name: PARAMEDIC_NOTIFIER__EMAIL__PASSWORD, valueFrom: {secretKeyRef: {name: {{ . }}, key: password}}}
{{- end }}
{{- with $values.notifier.slackSecret }}
- {name: PARAMEDIC_NOTIFIER__SLACK__TOKEN, valueFrom: {secretKeyRef: {name: {{ . }}, key: {{ $values.notifier.slackSecretKey }}}}}
{{- end }}
{{- with $values.notifier.channelsSecret }}{{/* Keys that are not there are channels that are off. */}}
- {name: PARAMEDIC_NOTIFIER__WEBHOOK__URL, valueFrom: {secretKeyRef: {name: {{ . }}, key: webhookUrl, optional: true}}}
- {name: PARAMEDIC_NOTIFIER__WEBHOOK__SECRET, valueFrom: {secretKeyRef: {name: {{ . }}, key: webhookSecret, optional: true}}}
- {name: PARAMEDIC_NOTIFIER__TEAMS__URL, valueFrom: {secretKeyRef: {name: {{ . }}, key: teamsUrl, optional: true}}}
- {name: PARAMEDIC_NOTIFIER__DISCORD__URL, valueFrom: {secretKeyRef: {name: {{ . }}, key: discordUrl, optional: true}}}
- {name: PARAMEDIC_NOTIFIER__TELEGRAM__TOKEN, valueFrom: {secretKeyRef: {name: {{ . }}, key: telegramToken, optional: true}}}
{{- end }}
{{- end }}
{{- end }}
