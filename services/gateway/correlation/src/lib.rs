//! Which alerts are one incident, and what most likely caused it: the gateway's pure half.
//!
//! An alert is a [`signal::Signal`]: what it is about, what it tells, when its trouble began. Each open [`group::Group`] holds every
//! cause that may be behind its members and how well each explains them: an alert joins the group whose causes make it likely, and
//! the causes that it speaks for gain. Two groups that one cause explains better than two are merged.
//!
//! - [`topology`]: what there is and what depends on what, as data; [`graph`]: the same as components and their possible causes.
//! - [`class`]: what an alert's name says; [`locate`](mod@locate): what its labels are about.
//! - [`weights`]: every number of the model.
//! - [`correlator`]: the stream; [`decision`]: what comes out.

pub mod class;
pub mod correlator;
pub mod decision;
pub mod graph;
pub mod group;
pub mod locate;
pub mod signal;
pub mod topology;
pub mod weights;

pub use correlator::{Correlator, Settings};
