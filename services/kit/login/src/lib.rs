//! Web sign-in: OpenID Connect, sessions in sealed cookies, forms that other sites cannot send, and the headers of pages.
//!
//! Nothing is kept on the server: what must be remembered between two requests is in the browser's cookie, encrypted and
//! authenticated, so any replica can answer.
//!
//! A role embeds [`Config`] as a section of its own, takes [`SignedIn`] in pages and [`SignedForm`] where they send forms:
//!
//! ```
//! use axum::{Router, extract::FromRef, response::Html, routing::get};
//! use paramedic_login::{Config, FORM_TOKEN, Login, SecurityHeaders, SignedForm, SignedIn};
//! use paramedic_runtime::Clock;
//! use serde::Deserialize;
//!
//! #[derive(Clone, FromRef)]
//! struct Desk {
//!     login: Login,
//! }
//!
//! #[derive(Deserialize)]
//! struct Decision {
//!     reason: String,
//! }
//!
//! async fn page(who: SignedIn) -> Html<String> {
//!     // a real page comes from a template, which escapes
//!     Html(format!(
//!         r#"<form method="post"><input type="hidden" name="{FORM_TOKEN}" value="{}"><input name="reason"><button>Approve</button></form>"#,
//!         who.form_token
//!     ))
//! }
//!
//! async fn decide(form: SignedForm<Decision>) -> String {
//!     format!("{} says {}", form.session.identity, form.fields.reason)
//! }
//!
//! fn routes(config: Config, public_url: &str, secret: &[u8], clock: Clock) -> anyhow::Result<Router> {
//!     let login = Login::new(config, public_url, secret, clock)?;
//!     let routes = login
//!         .routes()
//!         .merge(Router::new().route("/gates", get(page).post(decide)).with_state(Desk { login }));
//!     Ok(SecurityHeaders::new(public_url).on(routes))
//! }
//! ```

mod claims;
mod config;
mod cookies;
mod extract;
mod fetch;
mod forms;
mod headers;
mod idtoken;
mod keys;
mod login;
mod page;
mod provider;
mod refused;
mod session;
mod site;

pub use config::Config;
pub use extract::{FORM_TOKEN, SignedForm, SignedIn};
pub use headers::SecurityHeaders;
pub use keys::ShortSecret;
pub use login::Login;
pub use session::Session;
