//! `wait`: until its time is over, counted from when the log says that it began, or until a figure is as it should be.

use jiff::SignedDuration;
use paramedic_catalogue::actions::Pause;
use paramedic_domain::fault::{Effect, FailureKind};

use super::{
    failure::Halt,
    run::{Report, Run},
};

impl Run<'_> {
    pub(crate) async fn wait(&self) -> Result<Report, Halt> {
        let failed = |kind, why: String| Halt::failed(kind, Effect::None, why);
        let refused = |refused: paramedic_catalogue::Refused| failed(FailureKind::Permanent, refused.reason);
        let pause = Pause::from_params(&self.step.parameters).map_err(refused)?;
        let (length, until) = (pause.length().map_err(refused)?, pause.until().map_err(refused)?);
        let end = self.started + SignedDuration::try_from(length).unwrap_or(SignedDuration::ZERO);
        loop {
            let mut seen = "it was not asked".to_owned();
            if let Some(wanted) = &until {
                match self.holds(wanted).await {
                    Ok(state) => return Ok(Report::of(state)),
                    Err(state) => seen = state,
                }
            }
            let now = self.worker.kit.clock.now();
            if now >= end {
                return match &until {
                    None => Ok(Report::of(format!("waited {} s", length.as_secs()))),
                    Some(wanted) => Err(failed(
                        FailureKind::Permanent,
                        format!("{wanted} did not come true within {} s: {seen}", length.as_secs()),
                    )),
                };
            }
            let left = std::time::Duration::try_from(end.duration_since(now)).unwrap_or_default();
            match &until {
                None => self.worker.kit.clock.sleep(left).await,
                Some(_) => {
                    self.progress(&seen).await?;
                    self.pause().await;
                }
            }
        }
    }
}
