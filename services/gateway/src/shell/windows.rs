//! Says on the stream of alerts which maintenance windows the configuration declares, so that decisions need nothing but the stream.

use std::time::Duration;

use paramedic_bus::{Append, Error, Expect, Start, streams};
use paramedic_domain::{
    maintenance::{Window, WindowChange, WindowTold, Windows},
    subject::Subject,
};
use paramedic_runtime::Kit;

/// Pause after the bus could not be asked.
const PAUSE: Duration = Duration::from_secs(2);

/// Says it if it was not said yet, then waits for the drain.
///
/// # Errors
/// When the bus refuses the message itself; that it is away for a time is waited out.
pub(crate) async fn run(configured: Vec<Window>, kit: Kit) -> Result<(), Error> {
    let told = async {
        loop {
            match tell(&configured, &kit).await {
                Ok(()) => return Ok(()),
                // Another replica was first: look again.
                Err(Error::Conflict { .. }) => {}
                Err(error @ Error::Unavailable(_)) => {
                    tracing::warn!(%error, "the configured maintenance windows cannot be declared yet");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    };
    tokio::select! {
        told = told => told?,
        () = kit.drain.cancelled() => {}
    }
    kit.drain.cancelled().await;
    Ok(())
}

async fn tell(configured: &[Window], kit: &Kit) -> Result<(), Error> {
    let subject = Subject::Window {
        cluster: kit.cluster.name.clone(),
    }
    .to_string();
    let stored = kit.bus.replay(streams::ALERTS, &subject, Start::Beginning).await?;
    let mut windows = Windows::default();
    for told in stored
        .iter()
        .filter_map(|message| paramedic_wire::decode_window(&message.payload).ok())
    {
        windows.apply(&told);
    }
    if windows.configured() == configured {
        return Ok(());
    }
    let told = WindowTold {
        told_at: kit.clock.now(),
        change: WindowChange::Configured {
            windows: configured.to_vec(),
        },
    };
    let message = Append {
        subject: subject.clone(),
        payload: paramedic_wire::encode_window(&told),
        expect: Some(Expect {
            filter: subject,
            last: stored.last().map_or(0, |message| message.seq),
        }),
        ..Append::default()
    };
    kit.bus.append(streams::ALERTS, message).await?;
    tracing::info!(windows = configured.len(), "the configured maintenance windows were declared");
    Ok(())
}
