//! What takes turns.

use std::time::Duration;

use integration_tests::proc::time_on_processor;

use crate::flood::Flood;
use crate::ping_pong::PingPong;
use crate::way::Way;
use crate::wireguard::Both;

pub(crate) struct Subject {
    // Sockets go before what they lead through.
    pub(crate) ping_pong: PingPong,
    pub(crate) flood: Flood,
    pub(crate) way: Way,
    /// The same way without a tunnel.
    pub(crate) plain: Option<&'static str>,
    /// Processes that carry the packets; none where the kernel does it alone.
    processes: Vec<i32>,
    /// What ends with it.
    _tunnel: Option<Both>,
}

impl Subject {
    /// One whose packets only the kernel carries.
    pub(crate) fn kernel(way: Way) -> Self {
        let (ping_pong, flood) = (PingPong::new(&way), Flood::new(&way));
        Self { ping_pong, flood, way, plain: None, processes: Vec::new(), _tunnel: None }
    }

    /// One whose packets these processes carry, over what `plain` is without them.
    pub(crate) fn carried(way: Way, plain: &'static str, processes: Vec<i32>) -> Self {
        Self { plain: Some(plain), processes, ..Self::kernel(way) }
    }

    /// Ends the tunnel when it goes itself.
    pub(crate) fn with(self, tunnel: Both) -> Self {
        Self { _tunnel: Some(tunnel), ..self }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.way.name
    }

    /// Processor time of what carries its packets so far.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        (!self.processes.is_empty()).then(|| time_on_processor(&self.processes))
    }
}
