//! Diagnoses.

use paramedic_domain::diagnosis::{Alternative, Category, Diagnosis, Factor, Happening};

use crate::codec::{message, words};

words!(Category => Category {
    OomLimitTooLow, MemoryLeak, CpuThrottle, BadRelease, BadConfig, MissingObject, ImagePull, ProbeMisconfig, Scheduling,
    QuotaPolicy, StorageFull, StorageProvisioning, NetworkPolicy, Dns, ServiceMisroute, NodeFailure, ZoneFailure,
    DependencyFailure, DbPoolExhaustion, DbDeadlock, TrafficSurge, CertExpiry, AuthRbac, External, ControlPlane,
    ChangeRequest, Cost, NoFault,
});
message!(Factor => Factor { text, weight, evidence });
message!(Alternative => Alternative { category, target, confidence, summary });
message!(Happening => Happening { at, source, object, what, evidence });
message!(Diagnosis => Diagnosis {
    category, target, confidence, summary, causal_chain, factors, evidence, missing_sources, recommendations, criteria, engine, options, alternatives,
    wrong_if, timeline, timeline_left_out
});
