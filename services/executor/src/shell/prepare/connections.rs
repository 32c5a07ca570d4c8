//! How many connections a database takes, by what the PostgreSQL exporter tells Prometheus.

use std::time::Duration;

use paramedic_catalogue::world::Connections;
use paramedic_runtime::Kit;
use serde_json::Value;

/// Longest wait for Prometheus: people wait for the plan, and without the figure it says so.
const TIMEOUT: Duration = Duration::from_secs(5);
const MOST: &str = "pg_settings_max_connections";
const RESERVED: &str = "pg_settings_superuser_reserved_connections";

/// What is known for databases of that namespace, or of any if it has none.
pub(super) async fn connections(kit: &Kit, namespace: &str) -> Connections {
    let Some(base) = &kit.cluster.prometheus else {
        return Connections::Unknown("prometheus is not configured (cluster.prometheus_url)".into());
    };
    let (most, reserved) = (ask(kit, base, MOST).await, ask(kit, base, RESERVED).await);
    match (most, reserved) {
        (Ok(most), Ok(reserved)) => settled(&most, &reserved, namespace),
        (Err(problem), _) | (_, Err(problem)) => Connections::Unknown(format!("prometheus: {problem}")),
    }
}

/// Namespace and value of each series.
type Series = Vec<(Option<String>, i64)>;

async fn ask(kit: &Kit, base: &str, query: &str) -> Result<Series, String> {
    let url = format!("{}/api/v1/query", base.trim_end_matches('/'));
    let request = kit.cluster.http.get(url).query(&[("query", query)]).timeout(TIMEOUT);
    let response = request.send().await.map_err(|error| error.without_url().to_string())?;
    let body: Value = response.json().await.map_err(|error| error.without_url().to_string())?;
    series(&body).ok_or_else(|| format!("the answer to {query} is not a vector"))
}

fn series(body: &Value) -> Option<Series> {
    let rows = body.pointer("/data/result")?.as_array()?;
    Some(
        rows.iter()
            .filter_map(|row| {
                let value: f64 = row.pointer("/value/1")?.as_str()?.parse().ok()?;
                #[expect(clippy::cast_possible_truncation, reason = "a number of connections is far below 2^53")]
                let value = value as i64;
                let namespace = row.pointer("/metric/namespace").and_then(Value::as_str);
                Some((namespace.map(str::to_owned), value))
            })
            .collect(),
    )
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

    fn answer(rows: &[(&str, &str)]) -> Series {
        let rows: Vec<Value> = rows
            .iter()
            .map(|(namespace, value)| json!({"metric": {"namespace": namespace}, "value": [0, value]}))
            .collect();
        series(&json!({"status": "success", "data": {"resultType": "vector", "result": rows}})).unwrap()
    }

    #[test]
    fn the_database_of_the_namespace_counts_and_several_different_ones_are_no_answer() {
        let most = answer(&[("shop", "200"), ("production", "2000")]);
        let reserved = answer(&[("production", "3")]);
        assert_eq!(
            settled(&most, &reserved, "production"),
            Connections::Known { most: 2000, reserved: 3 }
        );
        assert!(matches!(settled(&most, &reserved, "front"), Connections::Unknown(why) if why.contains("[200, 2000]")));
        assert!(matches!(settled(&Vec::new(), &reserved, "front"), Connections::Unknown(_)));
    }
}
