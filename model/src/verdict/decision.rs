//! What was decided by what: a step of an answer, and its reason when it denies.

use goal_state::DropReason;
use goal_state::nsg::{Access, Direction};

use super::explanation::{Reason, Step};

/// What was decided by what.
#[derive(Debug, Clone)]
pub(super) struct Decision {
    pub(super) stage: DropReason,
    pub(super) direction: Option<Direction>,
    pub(super) resource: Option<String>,
    pub(super) rule: Option<String>,
}

impl Decision {
    /// A decision that no rule or route made.
    pub(super) fn new(stage: DropReason) -> Self {
        Self { stage, direction: None, resource: None, rule: None }
    }

    /// A decision of this resource.
    pub(super) fn of(stage: DropReason, resource: impl Into<String>) -> Self {
        Self { resource: Some(resource.into()), ..Self::new(stage) }
    }

    /// The same, by this rule or route or property of the resource.
    pub(super) fn by(self, rule: impl Into<String>) -> Self {
        Self { rule: Some(rule.into()), ..self }
    }

    /// The same resource and rule, on another layer.
    pub(super) fn on(self, stage: DropReason) -> Self {
        Self { stage, ..self }
    }

    pub(super) fn step(self, at: &str, outcome: Access, detail: String) -> Step {
        Step {
            at: at.to_owned(),
            stage: self.stage,
            direction: self.direction,
            resource: self.resource,
            rule: self.rule,
            outcome,
            detail,
        }
    }

    pub(super) fn reason(&self, at: &str) -> Reason {
        Reason {
            layer: self.stage,
            resource: self.resource.clone(),
            rule: self.rule.clone(),
            direction: self.direction,
            at: at.to_owned(),
        }
    }
}
