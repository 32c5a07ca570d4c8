//! Systems outside of the cluster: each effect once, whatever is repeated, lost or dies; each undone once.

mod costs;
mod external;
mod figures;
mod looking;
mod manifests;
mod silence;
mod terraform;
mod tickets;
