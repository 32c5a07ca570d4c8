//! Who diagnoses: the rules, a model, or both.

use std::collections::HashMap;

use anyhow::ensure;

use crate::cli;

/// Where the key of the model is: the same variable as that of the setting.
const KEY: &str = "PARAMEDIC_ANALYSIS__MODEL__API_KEY";

/// Who diagnoses, as settings of the roles.
#[derive(Debug, Default)]
pub struct Engine {
    /// Settings of the model, as environment variables.
    pub settings: HashMap<String, String>,
    /// The model's opinion is the diagnosis.
    pub model_alone: bool,
}

impl Engine {
    /// What the arguments want, with the key from the environment.
    ///
    /// # Errors
    /// When there is no model to ask.
    pub fn of(wanted: &cli::Model) -> anyhow::Result<Self> {
        if wanted.engine == cli::Engine::Rules {
            ensure!(
                wanted.url.is_empty(),
                "--model-url is given, and no model is asked: say --engine model or --engine both"
            );
            return Ok(Self::default());
        }
        ensure!(
            !wanted.url.is_empty(),
            "--engine model and --engine both need --model-url, and the key in {KEY} if the model wants one"
        );
        let mut settings: HashMap<String, String> = [
            ("PARAMEDIC_ANALYSIS__MODEL__URL", wanted.url.clone()),
            ("PARAMEDIC_ANALYSIS__MODEL__NAME", wanted.name.clone()),
            ("PARAMEDIC_ANALYSIS__MODEL__PROVIDER", wanted.provider.clone()),
            ("PARAMEDIC_ANALYSIS__MODEL__ASK_BELOW", "1".to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        if let Ok(key) = std::env::var(KEY) {
            settings.insert(KEY.to_owned(), key);
        }
        Ok(Self {
            settings,
            model_alone: wanted.engine == cli::Engine::Model,
        })
    }
}
