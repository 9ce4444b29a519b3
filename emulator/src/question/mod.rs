//! What people mean in their questions about a network: who, and where.

mod endpoint;
mod place;

pub(crate) use endpoint::Endpoint;
pub(crate) use place::{GuestNic, Place};
