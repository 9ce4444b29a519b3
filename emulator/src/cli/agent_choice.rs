//! `--agent HOST=IP:PORT`: hosts on other machines.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::Result;
use goal_state::HostName;
use model::network::Network;

use crate::refusal::refuse;

#[derive(Debug, Clone, clap::Args)]
pub(super) struct AgentChoice {
    /// This host's agent runs on another machine and listens there (`vnetlab-agent --listen`, `vnetlab agent-identity`). The lab
    /// keeps to it; may be given several times.
    #[arg(long = "agent", value_name = "HOST=IP:PORT", value_parser = at)]
    agents: Vec<(HostName, SocketAddr)>,
}

fn at(text: &str) -> Result<(HostName, SocketAddr), String> {
    let (host, address) = text.split_once('=').ok_or("written as host2=192.0.2.7:4700")?;
    let host = host.parse().map_err(|error| format!("{host}: {error}"))?;
    let address = address.parse().map_err(|_| format!("{address} is not an IP address and a port"))?;
    Ok((host, address))
}

impl AgentChoice {
    /// Which hosts are elsewhere, and where.
    ///
    /// # Errors
    /// A refusal when the network has no such host.
    pub(super) fn agents(&self, network: &Network) -> Result<BTreeMap<HostName, SocketAddr>> {
        for (host, _) in &self.agents {
            if !network.hosts.iter().any(|known| known.name == *host) {
                return Err(refuse(format!("--agent: the file has no host {host}")));
            }
        }
        Ok(self.agents.iter().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_at_an_address_and_a_port() {
        assert_eq!(
            at("host2=192.0.2.7:4700"),
            Ok(("host2".parse().unwrap(), "192.0.2.7:4700".parse().unwrap()))
        );
        assert!(at("host2=[2001:db8::1]:4700").is_ok());
        for wrong in ["host2", "host2=192.0.2.7", "=192.0.2.7:4700", "host2=example.com:4700"] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }
}
