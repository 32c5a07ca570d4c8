//! Which alerts are one incident, and what most likely caused it: the gateway's pure half.
//!
//! An alert is a [`signal::Signal`]: what it is about, what it tells, when its trouble began. A new one joins the incident whose cause
//! makes it likely, at once; now and then everything recent is explained anew by as few causes as possible ([`solve`](mod@solve)), which
//! moves and merges what was taken apart or together too early.
//!
//! - [`topology`]: what there is and what depends on what, as data; [`graph`]: the same as components and what is around each.
//! - [`class`]: what an alert's name says; [`locate`](mod@locate): what its labels are about.
//! - [`effect`]: how trouble spreads; [`footprint`]: what one cause would do, given what was seen; [`weights`]: the numbers of the search.
//! - [`learned`]: what the past says about alerts of one name.
//! - [`table`]: what is remembered of each alert, in little room; [`fingerprint`], [`moment`]: its parts.
//! - [`correlator`]: the stream; [`decision`]: what comes out.

pub mod class;
pub mod correlator;
pub mod decision;
pub mod effect;
pub mod fingerprint;
pub mod footprint;
pub mod graph;
pub mod learned;
pub mod locate;
pub mod moment;
pub mod signal;
pub mod solve;
pub mod table;
pub mod topology;
pub mod weights;

pub use correlator::{Correlator, Settings};
