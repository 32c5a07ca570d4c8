//! Field numbers of the kinds that kubectl sends, as the API's protobuf definitions number them.

use super::{
    Field,
    Kind::{Blobs, Either, Flag, Ignored, Labels, Message, Messages, Number, Quantities, Text, Texts},
};

/// The fields of a kind.
pub(super) fn of(api_version: &str, kind: &str) -> Option<&'static [Field]> {
    Some(match (api_version, kind) {
        ("v1", "Namespace") => &[
            META,
            (2, "spec", Message(&[(1, "finalizers", Texts)])),
            (3, "status", Message(&[(1, "phase", Text)])),
        ],
        ("v1", "ConfigMap") => &[META, (2, "data", Labels), (3, "binaryData", Blobs), (4, "immutable", Flag)],
        ("v1", "Secret") => &[
            META,
            (2, "data", Blobs),
            (3, "type", Text),
            (4, "stringData", Labels),
            (5, "immutable", Flag),
        ],
        ("v1", "ServiceAccount") => &[META],
        ("v1", "Pod") => &[META, (2, "spec", Message(POD_SPEC)), (3, "status", Ignored)],
        ("v1", "Service") => &[META, (2, "spec", Message(SERVICE_SPEC)), (3, "status", Ignored)],
        ("v1", "DeleteOptions") => DELETE_OPTIONS,
        ("apps/v1", "Deployment") => &[META, (2, "spec", Message(DEPLOYMENT_SPEC)), (3, "status", Ignored)],
        ("batch/v1", "Job") => &[META, (2, "spec", Message(JOB_SPEC)), (3, "status", Ignored)],
        ("batch/v1", "CronJob") => &[META, (2, "spec", Message(CRON_JOB_SPEC)), (3, "status", Ignored)],
        ("autoscaling/v1", "Scale") => &[META, (2, "spec", Message(&[(1, "replicas", Number)])), (3, "status", Ignored)],
        ("autoscaling/v1", "HorizontalPodAutoscaler") => &[META, (2, "spec", Message(HPA_V1)), (3, "status", Ignored)],
        ("autoscaling/v2", "HorizontalPodAutoscaler") => &[META, (2, "spec", Message(HPA_V2)), (3, "status", Ignored)],
        ("policy/v1", "Eviction") => &[META, (2, "deleteOptions", Message(DELETE_OPTIONS))],
        ("policy/v1", "PodDisruptionBudget") => &[META, (2, "spec", Message(PDB_SPEC)), (3, "status", Ignored)],
        ("v1", "ResourceQuota") => &[META, (2, "spec", Message(&[(1, "hard", Quantities)])), (3, "status", Ignored)],
        ("authorization.k8s.io/v1", "SelfSubjectAccessReview") => &[META, (2, "spec", Message(ACCESS)), (3, "status", Ignored)],
        ("authorization.k8s.io/v1", "SelfSubjectRulesReview") => {
            &[META, (2, "spec", Message(&[(1, "namespace", Text)])), (3, "status", Ignored)]
        }
        ("authentication.k8s.io/v1", "SelfSubjectReview") => &[META, (2, "status", Ignored)],
        _ => return None,
    })
}

const META: Field = (
    1,
    "metadata",
    Message(&[
        (1, "name", Text),
        (2, "generateName", Text),
        (3, "namespace", Text),
        (4, "selfLink", Ignored),
        (5, "uid", Text),
        (6, "resourceVersion", Text),
        (7, "generation", Ignored),
        (8, "creationTimestamp", Ignored),
        (11, "labels", Labels),
        (12, "annotations", Labels),
        (13, "ownerReferences", Messages(OWNER)),
    ]),
);

const OWNER: &[Field] = &[
    (1, "kind", Text),
    (3, "name", Text),
    (4, "uid", Text),
    (5, "apiVersion", Text),
    (6, "controller", Flag),
    (7, "blockOwnerDeletion", Flag),
];

const DELETE_OPTIONS: &[Field] = &[
    (1, "gracePeriodSeconds", Number),
    (2, "preconditions", Message(&[(1, "uid", Text), (2, "resourceVersion", Text)])),
    (3, "orphanDependents", Flag),
    (4, "propagationPolicy", Text),
    (5, "dryRun", Texts),
];

const SELECTOR: &[Field] = &[
    (1, "matchLabels", Labels),
    (
        2,
        "matchExpressions",
        Messages(&[(1, "key", Text), (2, "operator", Text), (3, "values", Texts)]),
    ),
];

const DEPLOYMENT_SPEC: &[Field] = &[
    (1, "replicas", Number),
    (2, "selector", Message(SELECTOR)),
    (3, "template", Message(&[META, (2, "spec", Message(POD_SPEC))])),
    (4, "strategy", Message(&[(1, "type", Text)])),
    (5, "minReadySeconds", Number),
    (6, "revisionHistoryLimit", Number),
    (7, "paused", Flag),
    (9, "progressDeadlineSeconds", Number),
];

const JOB_SPEC: &[Field] = &[
    (1, "parallelism", Number),
    (2, "completions", Number),
    (3, "activeDeadlineSeconds", Number),
    (4, "selector", Message(SELECTOR)),
    (5, "manualSelector", Flag),
    (6, "template", Message(&[META, (2, "spec", Message(POD_SPEC))])),
    (7, "backoffLimit", Number),
    (8, "ttlSecondsAfterFinished", Number),
    (9, "completionMode", Text),
    (10, "suspend", Flag),
    (14, "podReplacementPolicy", Text),
];

const CRON_JOB_SPEC: &[Field] = &[
    (1, "schedule", Text),
    (2, "startingDeadlineSeconds", Number),
    (3, "concurrencyPolicy", Text),
    (4, "suspend", Flag),
    (5, "jobTemplate", Message(&[META, (2, "spec", Message(JOB_SPEC))])),
    (6, "successfulJobsHistoryLimit", Number),
    (7, "failedJobsHistoryLimit", Number),
    (8, "timeZone", Text),
];

const POD_SPEC: &[Field] = &[
    (2, "containers", Messages(CONTAINER)),
    (3, "restartPolicy", Text),
    (4, "terminationGracePeriodSeconds", Number),
    (6, "dnsPolicy", Text),
    (7, "nodeSelector", Labels),
    (8, "serviceAccountName", Text),
    (9, "serviceAccount", Text),
    (10, "nodeName", Text),
    (11, "hostNetwork", Ignored),
    (12, "hostPID", Ignored),
    (13, "hostIPC", Ignored),
    (14, "securityContext", Message(&[])),
    (16, "hostname", Text),
    (17, "subdomain", Text),
    (19, "schedulerName", Text),
    (24, "priorityClassName", Text),
];

const CONTAINER: &[Field] = &[
    (1, "name", Text),
    (2, "image", Text),
    (3, "command", Texts),
    (4, "args", Texts),
    (5, "workingDir", Text),
    (
        6,
        "ports",
        Messages(&[
            (1, "name", Text),
            (2, "hostPort", Ignored),
            (3, "containerPort", Number),
            (4, "protocol", Text),
            (5, "hostIP", Text),
        ]),
    ),
    (7, "env", Messages(&[(1, "name", Text), (2, "value", Text)])),
    (8, "resources", Message(&[(1, "limits", Quantities), (2, "requests", Quantities)])),
    (13, "terminationMessagePath", Text),
    (14, "imagePullPolicy", Text),
    (16, "stdin", Ignored),
    (17, "stdinOnce", Ignored),
    (18, "tty", Ignored),
    (20, "terminationMessagePolicy", Text),
];

const SERVICE_SPEC: &[Field] = &[
    (1, "ports", Messages(SERVICE_PORT)),
    (2, "selector", Labels),
    (3, "clusterIP", Text),
    (4, "type", Text),
    (7, "sessionAffinity", Text),
    (8, "loadBalancerIP", Text),
    (10, "externalName", Text),
    (11, "externalTrafficPolicy", Text),
    (12, "healthCheckNodePort", Ignored),
    (13, "publishNotReadyAddresses", Ignored),
];

const SERVICE_PORT: &[Field] = &[
    (1, "name", Text),
    (2, "protocol", Text),
    (3, "port", Number),
    (4, "targetPort", Either),
    (5, "nodePort", Ignored),
];

const PDB_SPEC: &[Field] = &[
    (1, "minAvailable", Either),
    (2, "selector", Message(SELECTOR)),
    (3, "maxUnavailable", Either),
];

const TARGET: Field = (
    1,
    "scaleTargetRef",
    Message(&[(1, "kind", Text), (2, "name", Text), (3, "apiVersion", Text)]),
);

const HPA_V1: &[Field] = &[
    TARGET,
    (2, "minReplicas", Number),
    (3, "maxReplicas", Number),
    (4, "targetCPUUtilizationPercentage", Number),
];

const HPA_V2: &[Field] = &[
    TARGET,
    (2, "minReplicas", Number),
    (3, "maxReplicas", Number),
    (4, "metrics", Messages(METRIC)),
];

const METRIC: &[Field] = &[
    (1, "type", Text),
    (
        4,
        "resource",
        Message(&[
            (1, "name", Text),
            (2, "target", Message(&[(1, "type", Text), (4, "averageUtilization", Number)])),
        ]),
    ),
];

const ACCESS: &[Field] = &[
    (
        1,
        "resourceAttributes",
        Message(&[
            (1, "namespace", Text),
            (2, "verb", Text),
            (3, "group", Text),
            (4, "version", Text),
            (5, "resource", Text),
            (6, "subresource", Text),
            (7, "name", Text),
        ]),
    ),
    (2, "nonResourceAttributes", Message(&[(1, "path", Text), (2, "verb", Text)])),
];
