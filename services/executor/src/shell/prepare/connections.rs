//! How many connections a database takes, by what the PostgreSQL exporter tells Prometheus.

use paramedic_catalogue::world::Connections;
use paramedic_runtime::Kit;
use serde_json::Value;

use crate::shell::prometheus::{Sample, figures};

const MOST: &str = "pg_settings_max_connections";
const RESERVED: &str = "pg_settings_superuser_reserved_connections";

/// What is known for databases of that namespace, or of any if it has none.
pub(super) async fn connections(kit: &Kit, namespace: &str) -> Connections {
    match tokio::join!(figures(kit, MOST), figures(kit, RESERVED)) {
        (Ok((_, most)), Ok((_, reserved))) => settled(&series(&most), &series(&reserved), namespace),
        (Err(problem), _) | (_, Err(problem)) => Connections::Unknown(problem),
    }
}

/// Namespace and value of each series.
type Series = Vec<(Option<String>, i64)>;

fn series(samples: &[Sample]) -> Series {
    samples
        .iter()
        .map(|sample| {
            #[expect(clippy::cast_possible_truncation, reason = "a number of connections is far below 2^53")]
            let value = sample.value as i64;
            let namespace = sample.labels.get("namespace").and_then(Value::as_str);
            (namespace.map(str::to_owned), value)
        })
        .collect()
}

fn settled(most: &Series, reserved: &Series, namespace: &str) -> Connections {
    let near = |series: &Series| -> Vec<i64> {
        let here: Vec<i64> = series
            .iter()
            .filter(|(found, _)| found.as_deref() == Some(namespace))
            .map(|(_, value)| *value)
            .collect();
        let mut values = if here.is_empty() {
            series.iter().map(|(_, value)| *value).collect()
        } else {
            here
        };
        values.sort_unstable();
        values.dedup();
        values
    };
    match near(most).as_slice() {
        [] => Connections::Unknown(format!("prometheus has no series {MOST}")),
        [most] => Connections::Known {
            most: *most,
            reserved: near(reserved).last().copied().unwrap_or(0),
        },
        several => Connections::Unknown(format!("there are several databases, which take {several:?} connections")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(rows: &[(&str, f64)]) -> Series {
        let samples: Vec<Sample> = rows
            .iter()
            .map(|(namespace, value)| Sample {
                labels: json!({"namespace": namespace}),
                value: *value,
            })
            .collect();
        series(&samples)
    }

    #[test]
    fn the_database_of_the_namespace_counts_and_several_different_ones_are_no_answer() {
        let most = answer(&[("shop", 200.0), ("production", 2000.0)]);
        let reserved = answer(&[("production", 3.0)]);
        assert_eq!(
            settled(&most, &reserved, "production"),
            Connections::Known { most: 2000, reserved: 3 }
        );
        assert!(matches!(settled(&most, &reserved, "front"), Connections::Unknown(why) if why.contains("[200, 2000]")));
        assert!(matches!(settled(&Vec::new(), &reserved, "front"), Connections::Unknown(_)));
    }
}
