//! `--no-offload`, `--honest-packets`: how a lab's packets are carried.

use clap::builder::FalseyValueParser;

use crate::lab::Carriage;

#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct CarriageChoice {
    /// Keep VFs, but load no BPF, so that every packet goes through the virtual switch's software layers. A lab keeps to what
    /// its last `up` said: one without this offloads again.
    #[arg(long, env = "VNETLAB_NO_OFFLOAD", value_parser = FalseyValueParser::new(), hide_env_values = true)]
    no_offload: bool,
    /// Send encrypted packets one by one between hosts, as a wire carries them, so that captures and impaired links see each. Slower:
    /// otherwise many travel as one datagram that is cut where it arrives. A lab keeps to what its last `up` said.
    #[arg(long, env = "VNETLAB_HONEST_PACKETS", value_parser = FalseyValueParser::new(), hide_env_values = true)]
    honest_packets: bool,
}

impl CarriageChoice {
    /// What was chosen.
    pub(super) fn carriage(self) -> Carriage {
        Carriage { offload: !self.no_offload, honest_packets: self.honest_packets }
    }
}
