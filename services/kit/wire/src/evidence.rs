//! Evidence.

use paramedic_domain::evidence::{Evidence, Source};

use crate::codec::{message, words};

words!(Source => Source { Kubernetes, Prometheus, Loki, Jaeger, Alertmanager, Tempo, Git, Mcp, Request, Executor, Argocd, Flux, Helm, Aws, Gcp });
message!(Evidence => Evidence { id, source, query, observed_at, excerpt, value, unit });
