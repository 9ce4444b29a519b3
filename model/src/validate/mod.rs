//! From what was typed to what it means: every reference resolved, every rule of Azure checked, every number assigned.

mod address_allocation;
mod fnv;
mod limits;
mod mac;
mod name;
mod overlap;
mod placement;
mod special_subnet;
mod vni;
