//! `--no-offload`: VFs without BPF.

use clap::builder::FalseyValueParser;

#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct OffloadChoice {
    /// Keep VFs, but load no BPF, so that every packet goes through the virtual switch's software layers. A lab keeps to what
    /// its last `up` said: one without this offloads again.
    #[arg(long, env = "VNETLAB_NO_OFFLOAD", value_parser = FalseyValueParser::new(), hide_env_values = true)]
    no_offload: bool,
}

impl OffloadChoice {
    /// Whether known flows are carried by BPF where that can be had.
    pub(super) fn offload(self) -> bool {
        !self.no_offload
    }
}
