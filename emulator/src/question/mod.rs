//! Questions about a network: who asks whom, as typed on the command line or in a topology's tests.

mod endpoint;

pub(crate) use endpoint::Endpoint;
