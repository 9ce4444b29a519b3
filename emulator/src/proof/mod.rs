//! Proof: the model's verdict and a packet's fate are two independent answers to one question, and they are compared here.
//!
//! | module | idea |
//! |---|---|
//! | [`flow`] | which packets belong to a probe. Pure |
//! | [`observation`] | what was seen of one probe: its answer, the ports that it crossed, the drop. Pure |
//! | [`judgement`] | that beside the model's answer. Pure |
//! | [`names`] | what people call those who tell of it. Pure |
//! | [`prober`] | sends probes through a lab's controller, many at a time |
//! | [`health`] | what has to be known before probes are sent |
//! | [`follow_up`] | more packets of the same flows |

pub(crate) mod flow;
pub(crate) mod follow_up;
pub(crate) mod health;
pub(crate) mod judgement;
pub(crate) mod names;
pub(crate) mod observation;
pub(crate) mod prober;

pub(crate) use follow_up::FollowUp;
pub(crate) use health::await_health;
pub(crate) use judgement::{Judgement, judge, not_carried};
pub(crate) use observation::Observation;
pub(crate) use prober::Prober;
