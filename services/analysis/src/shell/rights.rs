//! Asks the API server whether accounts may do what logs say was refused to them.

use super::{kubernetes::Problem, reader::Reader};
use crate::core::{
    facts::Facts,
    rights::{answered, claimed},
};

/// Files the answers; who may not ask has one source less.
pub(super) async fn rights(reader: &Reader, facts: &mut Facts) {
    for right in claimed(&facts.world) {
        match reader.review(&right).await {
            Ok(answer) => facts.world.reviews.extend(answered(right, &answer)),
            // The meter says it.
            Err(Problem::TooMuch { .. }) => return,
            Err(problem @ (Problem::Refused { .. } | Problem::Unreachable { .. })) => {
                facts.missing.push(format!("kubernetes: {problem}"));
                return;
            }
            // An API server without reviews has nothing to say.
            Err(Problem::Absent(_)) => return,
        }
    }
}
