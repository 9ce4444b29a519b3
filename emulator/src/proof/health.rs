//! Health probes come first: before they have said how a load balancer's backends are, none of them gets a flow.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use goal_state::load_balancing::Health;
use model::network::Network;

use crate::controller::client::Client;
use crate::controller::protocol::{Request, Response};
use crate::lab::Folder;

/// How often to ask.
const PAUSE: Duration = Duration::from_millis(200);
/// What a probe that is asked in time may take besides.
const GRACE: Duration = Duration::from_secs(5);

/// Waits until every backend that is probed is known to be up or down, as long as that takes where agents work: then
/// packets would not meet what the model foretells.
///
/// # Errors
/// When the controller goes away.
pub(crate) fn await_health(folder: &Folder, network: &Network) -> Result<()> {
    let Some(longest) = longest_doubt(network) else { return Ok(()) };
    let deadline = Instant::now() + longest + GRACE;
    let mut client = Client::connect(folder)?;
    while is_in_doubt(&mut client)? && Instant::now() < deadline {
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// How long probes take to find out; none where nothing is probed.
fn longest_doubt(network: &Network) -> Option<Duration> {
    let probes = network.load_balancers.iter().flat_map(|balancer| &balancer.probes);
    let seconds =
        probes.map(|probe| u64::from(probe.interval_in_seconds) * u64::from(probe.number_of_probes + 1));
    seconds.max().map(Duration::from_secs)
}

fn is_in_doubt(client: &mut Client) -> Result<bool> {
    match client.ask(Request::LoadBalancers)? {
        Response::LoadBalancers { backends } => {
            Ok(backends.iter().any(|backend| backend.health == Health::Unknown))
        }
        Response::Error { message } => bail!(message),
        other => bail!("the controller answers {other:?}"),
    }
}
