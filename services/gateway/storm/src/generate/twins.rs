//! Which faults a storm has.

use super::{Chance, Drawn, Spec, Variant};
use crate::fault::Fault;

/// What is planned for one incident.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub fault: Fault,
    /// Without the alerts that name the fault.
    pub masked: bool,
    /// Begins within a minute of this one.
    pub follows: Option<usize>,
}

/// Faults for all incidents. Plainly all differ; twins come in pairs: other causes that show the same, or one cause in two places
/// whose teams name their alerts in their own ways.
pub(super) fn plan(spec: Spec, chance: &mut Chance) -> Vec<Plan> {
    let mut faults = Fault::ALL;
    chance.shuffle(&mut faults);
    let mut plans: Vec<Plan> = Vec::new();
    let mut wide = false;
    for fault in faults.into_iter().cycle() {
        if plans.len() >= spec.incidents {
            plans.truncate(spec.incidents);
            return plans;
        }
        if (fault.is_wide() && wide) || (spec.variant == Variant::Twins && !fault.has_places()) {
            continue;
        }
        wide |= fault.is_wide();
        let first = plans.len();
        let single = |fault| Plan {
            fault,
            masked: false,
            follows: None,
        };
        match spec.variant {
            Variant::Plain | Variant::Maintenance => plans.push(single(fault)),
            Variant::Twins if chance.hit(0.5) => {
                let mut alike = Fault::LOOK_ALIKE;
                chance.shuffle(&mut alike);
                for (fault, follows) in [(alike[0], None), (alike[1], Some(first))] {
                    plans.push(Plan {
                        fault,
                        masked: true,
                        follows,
                    });
                }
            }
            Variant::Twins => {
                plans.push(single(fault));
                plans.push(Plan {
                    follows: Some(first),
                    ..single(fault)
                });
            }
        }
    }
    plans
}

/// Another fault in place of one that the estate has no room for.
pub(super) fn another(plan: &Plan, drawn: &[Drawn], chance: &mut Chance) -> Fault {
    let all: &[Fault] = if plan.masked { &Fault::LOOK_ALIKE } else { &Fault::ALL };
    let wide = drawn.iter().any(|other| other.fault.is_wide());
    let may: Vec<Fault> = all.iter().copied().filter(|fault| !(wide && fault.is_wide())).collect();
    chance.pick(&may).copied().unwrap_or(plan.fault)
}
