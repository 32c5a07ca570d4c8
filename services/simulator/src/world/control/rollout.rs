//! The arithmetic of rolling updates: how many pods may be added and taken away now.

use serde_json::Value;

/// One ReplicaSet as the arithmetic sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// `spec.replicas`.
    pub(crate) wanted: i64,
    /// Pods that are available.
    pub(crate) available: i64,
}

/// What a Deployment asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) replicas: i64,
    pub(crate) surge: i64,
    pub(crate) unavailable: i64,
}

impl Limits {
    /// From `spec`; percentages round up for the surge and down for the unavailable; both zero means one unavailable.
    pub(crate) fn of(spec: &Value) -> Self {
        let replicas = spec["replicas"].as_i64().unwrap_or(1);
        let rolling = &spec["strategy"]["rollingUpdate"];
        let surge = resolve(&rolling["maxSurge"], replicas, true);
        let unavailable = resolve(&rolling["maxUnavailable"], replicas, false).min(replicas);
        let unavailable = if surge == 0 && unavailable == 0 { 1 } else { unavailable };
        Self {
            replicas,
            surge,
            unavailable,
        }
    }

    /// `spec.replicas` of the new ReplicaSet now.
    pub(crate) fn grow_new(&self, new: Size, old: &[Size]) -> i64 {
        let total = new.wanted + old.iter().map(|set| set.wanted).sum::<i64>();
        let room = self.replicas + self.surge - total;
        if new.wanted > self.replicas {
            return self.replicas;
        }
        new.wanted + room.max(0).min(self.replicas - new.wanted)
    }

    /// `spec.replicas` of the old ReplicaSets now, oldest first: unhealthy pods go first, healthy ones as far as
    /// availability allows.
    pub(crate) fn shrink_old(&self, new: Size, old: &[Size]) -> Vec<i64> {
        let mut sizes: Vec<i64> = old.iter().map(|set| set.wanted).collect();
        let least = self.replicas - self.unavailable;
        let total: i64 = new.wanted + sizes.iter().sum::<i64>();
        let mut room = total - least - (new.wanted - new.available).max(0);
        if room <= 0 {
            return sizes;
        }
        for (size, set) in sizes.iter_mut().zip(old) {
            let unhealthy = (*size - set.available).clamp(0, room);
            *size -= unhealthy;
            room -= unhealthy;
        }
        let mut spare = new.available + old.iter().map(|set| set.available).sum::<i64>() - least;
        for size in &mut sizes {
            let take = (*size).min(spare.max(0));
            *size -= take;
            spare -= take;
        }
        sizes
    }

    /// Sizes of several active ReplicaSets after `spec.replicas` changed in the middle of a rollout: each keeps its share.
    pub(crate) fn proportional(&self, sizes: &[i64]) -> Vec<i64> {
        let total: i64 = sizes.iter().sum();
        let allowed = if self.replicas > 0 { self.replicas + self.surge } else { 0 };
        if total == 0 {
            return sizes.to_vec();
        }
        let mut left = allowed - total;
        let mut out = sizes.to_vec();
        // The largest first, so that rounding never lets a small set starve a large one.
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(sizes[i]));
        for &i in &order {
            let share = ((sizes[i] as f64) * (allowed as f64) / (total as f64)).round() as i64 - sizes[i];
            let step = if left >= 0 { share.clamp(0, left) } else { share.clamp(left, 0) };
            out[i] += step;
            left -= step;
        }
        if let Some(&i) = order.first() {
            out[i] = (out[i] + left).max(0);
        }
        out
    }
}

/// A number or percentage of `whole`.
pub(crate) fn resolve(value: &Value, whole: i64, up: bool) -> i64 {
    if let Some(number) = value.as_i64() {
        return number;
    }
    // A quarter is the API's default.
    let percent = value
        .as_str()
        .and_then(|text| text.strip_suffix('%'))
        .and_then(|n| n.parse::<f64>().ok())
        .unwrap_or(25.0);
    let exact = whole as f64 * percent / 100.0;
    (if up { exact.ceil() } else { exact.floor() }) as i64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn size(wanted: i64, available: i64) -> Size {
        Size { wanted, available }
    }

    #[test]
    fn percentages_round_so_that_a_rollout_can_always_move() {
        for (replicas, surge, unavailable, expected) in [
            (4, json!("25%"), json!("25%"), (1, 1)),
            (3, json!("25%"), json!("25%"), (1, 0)),
            (1, json!(0), json!(0), (0, 1)),
            (10, json!(2), json!("10%"), (2, 1)),
        ] {
            let spec = json!({"replicas": replicas, "strategy": {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}});
            let limits = Limits::of(&spec);
            assert_eq!((limits.surge, limits.unavailable), expected, "{spec}");
        }
    }

    #[test]
    fn a_rollout_of_four_takes_one_and_adds_two() {
        let limits = Limits {
            replicas: 4,
            surge: 1,
            unavailable: 1,
        };
        let grown = limits.grow_new(size(0, 0), &[size(4, 4)]);
        assert_eq!(grown, 1);
        assert_eq!(limits.shrink_old(size(1, 0), &[size(4, 4)]), [3]);
        assert_eq!(limits.grow_new(size(1, 0), &[size(3, 3)]), 2);
        assert_eq!(
            limits.shrink_old(size(2, 0), &[size(3, 3)]),
            [3],
            "nothing goes until a new pod is available"
        );
        assert_eq!(limits.shrink_old(size(2, 1), &[size(3, 3)]), [2]);
    }

    #[test]
    fn unhealthy_old_pods_go_first_and_cost_no_availability() {
        let limits = Limits {
            replicas: 4,
            surge: 1,
            unavailable: 1,
        };
        assert_eq!(limits.shrink_old(size(1, 0), &[size(2, 0), size(2, 2)]), [1, 2]);
    }

    #[test]
    fn sizes_stay_in_bounds_whatever_the_state() {
        for replicas in 0..6 {
            for (surge, unavailable) in [(1, 0), (0, 1), (2, 1)] {
                for old in 0..6 {
                    for available in 0..=old {
                        let limits = Limits {
                            replicas,
                            surge,
                            unavailable: unavailable.min(replicas),
                        };
                        let grown = limits.grow_new(size(0, 0), &[size(old, available)]);
                        assert!(grown <= replicas && (grown + old <= replicas + surge || grown == 0));
                        let left = limits.shrink_old(size(grown, 0), &[size(old, available)])[0];
                        assert!((0..=old).contains(&left));
                        assert!(left >= available.min(replicas - limits.unavailable), "availability is kept");
                    }
                }
            }
        }
    }

    #[test]
    fn scaling_during_a_rollout_keeps_the_shares() {
        let limits = Limits {
            replicas: 10,
            surge: 1,
            unavailable: 1,
        };
        assert_eq!(limits.proportional(&[3, 3]).iter().sum::<i64>(), 11);
        let down = Limits {
            replicas: 2,
            surge: 1,
            unavailable: 0,
        };
        assert_eq!(down.proportional(&[4, 2]).iter().sum::<i64>(), 3);
    }
}
