//! Attempts to get a change approved that nobody with the right to it has approved: each is refused with a reason, and known people's
//! attempts are in the incident's log.

mod callers;
mod clicks;
mod links;
mod world;

/// One named attempt each: what is tried, what whoever tries is told, and the code under which the log keeps it.
macro_rules! attempts {
    ($($(#[$doc:meta])* $name:ident($world:ident) $body:block says $says:literal $(kept $code:literal)?;)*) => { $(
        $(#[$doc])*
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            let $world = $crate::shell::tests::abuse::world::World::open().await;
            let told: String = $body;
            assert!(told.contains($says), "{told:?} does not say {:?}", $says);
            $($world.kept($code).await;)?
            $world.untouched().await;
        }
    )* };
}
pub(super) use attempts;
