//! Serves a scenario, built in or a `.yaml` file, and writes its kubeconfig: `cargo run -p paramedic-simulator --example serve -- payment-oom 1 /tmp/kubeconfig`.

use paramedic_simulator::{Options, Scenario, Simulator};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_else(|| "payment-oom".to_owned());
    let speed = args.next().map_or(Ok(1.0), |text| text.parse())?;
    let file = args.next().unwrap_or_else(|| "kubeconfig".to_owned());
    let scenario = if name.ends_with(".yaml") {
        Scenario::load(&name)?
    } else {
        Scenario::builtin(&name)?
    };
    let simulator = Simulator::start(Options {
        speed,
        ..Options::new(scenario)
    })
    .await?;
    std::fs::write(&file, simulator.kubeconfig())?;
    tokio::signal::ctrl_c().await?;
    simulator.shutdown().await;
    Ok(())
}
