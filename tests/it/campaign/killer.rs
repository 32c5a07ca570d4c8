//! Kills processes at moments that chance chooses in what goes on, and starts them again.

use std::{collections::BTreeMap, time::Duration};

use paramedic_tests::{Installation, Range};

use super::{chance::Chance, seen::Seen};

/// When nothing moves for so long, everybody waits for something: also a moment to die.
const STILL: Duration = Duration::from_secs(4);
/// How often requests are counted: they come faster than events.
const LOOK: Duration = Duration::from_millis(1);

/// Events, or requests, until the next kill.
enum Moment {
    Events(usize),
    Requests(usize),
}

/// Kills `kills` times, or until `over`; returns how often each role died.
pub(crate) async fn kill(
    product: &mut Installation,
    seen: &Seen,
    range: &Range,
    chance: &mut Chance,
    kills: usize,
    over: impl Fn() -> bool,
) -> BTreeMap<&'static str, usize> {
    let mut killed = BTreeMap::new();
    let mut down = None;
    for _ in 0..kills {
        wait(&draw(chance), seen, range, &over).await;
        if over() {
            break;
        }
        start_again(product, down.take());
        let count = product.processes_mut().count();
        let victim = chance.below(count);
        let (role, process) = product.processes_mut().nth(victim).unwrap();
        process.kill9().unwrap();
        *killed.entry(role).or_insert(0) += 1;
        // Most supervisors are fast; some take until something else has happened.
        if chance.below(4) == 0 {
            down = Some(victim);
        } else {
            process.spawn_again().unwrap();
        }
    }
    start_again(product, down);
    killed
}

fn start_again(product: &mut Installation, down: Option<usize>) {
    if let Some((_, process)) = down.and_then(|down| product.processes_mut().nth(down)) {
        process.spawn_again().unwrap();
    }
}

/// Around effects, requests are closer together than events are.
fn draw(chance: &mut Chance) -> Moment {
    if chance.below(2) == 0 {
        Moment::Events(1 + chance.below(6))
    } else {
        Moment::Requests(1 + chance.below(40))
    }
}

async fn wait(moment: &Moment, seen: &Seen, range: &Range, over: &impl Fn() -> bool) {
    let reached = async {
        match moment {
            Moment::Events(count) => {
                let wanted = seen.events() + count;
                while seen.events() < wanted && !over() {
                    seen.changed(STILL).await;
                }
            }
            Moment::Requests(count) => {
                let wanted = range.answered() + count;
                while range.answered() < wanted && !over() {
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
    };
    tokio::time::timeout(STILL, reached).await.ok();
}
