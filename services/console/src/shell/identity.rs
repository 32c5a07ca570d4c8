//! Who calls, and whether they may.

use paramedic_domain::people::Role;
use paramedic_people::{Place, Standing};
use paramedic_runtime::{
    Clock, Kit, People,
    caller::{caller, permitted},
};
use tonic::{Request, Status, metadata::MetadataMap, service::Interceptor};

/// The people whom the services know.
#[derive(Clone)]
pub(crate) struct Callers {
    people: People,
    clock: Clock,
}

impl Callers {
    pub(crate) fn new(kit: &Kit) -> Self {
        Self {
            people: kit.people.clone(),
            clock: kit.clock.clone(),
        }
    }

    /// The caller's identity, if it has the role there; nowhere in particular: anywhere.
    pub(super) fn with_role(&self, role: Role, place: Option<&Place<'_>>, metadata: &MetadataMap, claimed: &str) -> Result<String, Status> {
        permitted(self.standing(metadata, claimed)?, role, place).map(|who| who.id)
    }

    fn standing(&self, metadata: &MetadataMap, claimed: &str) -> Result<Standing, Status> {
        caller(&self.people.current(), metadata, claimed, self.clock.now())
    }
}

/// Everybody who is known may look: whatever else a call wants, it wants that first.
impl Interceptor for Callers {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        self.with_role(Role::Viewer, None, request.metadata(), "anybody")?;
        Ok(request)
    }
}
