//! `vnetlab list-learned-routes`, `list-advertised-routes`, `list-bgp-peer-status`: BGP of gateways and route servers.

use std::process::ExitCode;

use anyhow::Result;
use model::effective::Policy;
use model::network_watcher::{
    BgpPeerStatusList, GatewayRouteList, list_advertised_routes, list_bgp_peer_status, list_learned_routes,
};

use super::network_choice::NetworkChoice;
use crate::output::{self, Columns, Format, Show};
use crate::refusal::refuse;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    network: NetworkChoice,
    /// The virtual network gateway or route server.
    gateway: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct AdvertisedArgs {
    #[command(flatten)]
    speaker: Args,
    /// To whom: a name that `list-bgp-peer-status` lists, or an address.
    #[arg(long, value_name = "NAME")]
    peer: String,
}

pub(super) fn learned(args: &Args, format: Format) -> Result<ExitCode> {
    let loaded = args.network.load()?;
    let routes = list_learned_routes(&Policy::new(&loaded.network), &args.gateway).map_err(refuse)?;
    output::show(&routes, format).map(|()| ExitCode::SUCCESS)
}

pub(super) fn advertised(
    AdvertisedArgs { speaker, peer }: &AdvertisedArgs,
    format: Format,
) -> Result<ExitCode> {
    let loaded = speaker.network.load()?;
    let policy = Policy::new(&loaded.network);
    let routes = list_advertised_routes(&policy, &speaker.gateway, peer).map_err(refuse)?;
    output::show(&routes, format).map(|()| ExitCode::SUCCESS)
}

pub(super) fn peers(args: &Args, format: Format) -> Result<ExitCode> {
    let loaded = args.network.load()?;
    let peers = list_bgp_peer_status(&Policy::new(&loaded.network), &args.gateway).map_err(refuse)?;
    output::show(&peers, format).map(|()| ExitCode::SUCCESS)
}

impl Show for GatewayRouteList {
    fn table(&self) -> String {
        let mut columns = Columns::new(["NETWORK", "NEXT HOP", "ORIGIN", "SOURCE PEER", "AS PATH"]);
        for route in &self.value {
            columns.row([
                route.network.to_string(),
                route.next_hop.map(|address| address.to_string()).unwrap_or_default(),
                route.origin.to_owned(),
                route.source_peer.clone().unwrap_or_default(),
                route.as_path.clone(),
            ]);
        }
        columns.to_string()
    }
}

impl Show for BgpPeerStatusList {
    fn table(&self) -> String {
        let mut columns = Columns::new(["NAME", "NEIGHBOR", "ASN", "STATE", "ROUTES RECEIVED"]);
        for peer in &self.value {
            columns.row([
                peer.name.clone(),
                peer.neighbor.clone(),
                peer.asn.to_string(),
                peer.state.to_owned(),
                peer.routes_received.to_string(),
            ]);
        }
        columns.to_string()
    }
}
