//! Can everything in an encrypted virtual network be encrypted?
//!
//! What cannot is carried in clear (AllowUnencrypted), or dropped where `behavior.encryptionEnforcement` lets a file ask for that. Which services may share a virtual network with encryption changed since it
//! became generally available: `behavior.encryptionSupport` says which list holds.
//! <https://learn.microsoft.com/azure/virtual-network/virtual-network-encryption-overview>

use super::Review;
use crate::effective::encryption::{self, Obstacle, obstacle};
use crate::network::behavior::EncryptionSupportBehavior;
use crate::network::gateway::GatewayType;
use crate::network::public::FrontendAddress;
use crate::network::vnet::EncryptionEnforcement;
use crate::network::{Network, NicRef, SubnetRef, VirtualNetwork, VnetId};

pub(super) fn ask(review: &mut Review<'_>) {
    let network = review.network;
    for (at, vnet) in network.virtual_networks.iter().enumerate() {
        let Some(enforcement) = vnet.encryption else { continue };
        let id = VnetId(at);
        if enforcement == EncryptionEnforcement::DropUnencrypted {
            let message = format!(
                "`{}` drops what cannot be encrypted, which Azure has announced and does not offer yet",
                vnet.name
            );
            review.warn(
                "EncryptionEnforcementNotOffered",
                review.places.vnet(id),
                message,
                "with Azure of today, write `enforcement: AllowUnencrypted`",
            );
        }
        ask_about_services(review, id, vnet);
        ask_about_peers(review, id, vnet);
    }
    for (at, nic) in network.nics() {
        if network.vnet(nic.subnet.vnet).encryption.is_some() {
            ask_about_nic(review, at);
        }
    }
}

fn ask_about_services(review: &mut Review<'_>, id: VnetId, vnet: &VirtualNetwork) {
    let network = review.network;
    let original = network.behavior.encryption_support == EncryptionSupportBehavior::Original;
    let delegated = |service: &str| {
        vnet.subnets
            .iter()
            .any(|it| it.delegation.as_ref().is_some_and(|to| to.eq_ignore_ascii_case(service)))
    };
    let has_express_route = network
        .virtual_network_gateways
        .iter()
        .any(|it| it.vnet == id && it.gateway_type == GatewayType::ExpressRoute);
    let refused = [
        (delegated("Microsoft.Network/dnsResolvers"), "an Azure DNS Private Resolver"),
        (original && vnet.find_subnet("AzureFirewallSubnet").is_some(), "Azure Firewall"),
        (original && delegated("Microsoft.Network/applicationGateways"), "an Application Gateway"),
        (original && has_express_route, "an ExpressRoute gateway"),
        (
            has_mixed_pool(network, id),
            "an internal load balancer with machines in its pool that cannot encrypt",
        ),
        (
            has_secondary_backend(network, id),
            "an internal load balancer in front of interfaces with several addresses",
        ),
    ];
    for (_, what) in refused.into_iter().filter(|(there, _)| *there) {
        let message = format!(
            "virtual network `{}` is encrypted and has {what}, which encryption does not support",
            vnet.name
        );
        let help = "put it into a virtual network of its own without encryption, and peer the two";
        review.warn("EncryptionUnsupportedService", review.places.vnet(id), message, help);
    }
}

/// Traffic to a peer is encrypted when both sides are.
fn ask_about_peers(review: &mut Review<'_>, id: VnetId, vnet: &VirtualNetwork) {
    let network = review.network;
    let clear =
        vnet.peerings.iter().map(|link| network.vnet(link.remote)).find(|peer| peer.encryption.is_none());
    if let Some(peer) = clear {
        let message = format!(
            "`{}` is encrypted and its peer `{}` is not: traffic between them {}",
            vnet.name,
            peer.name,
            fate_in_clear(vnet)
        );
        let help = format!("set `encryption: {{enabled: true}}` on `{}`, too", peer.name);
        review.warn("EncryptionPeerInClear", review.places.vnet(id), message, help);
    }
}

fn ask_about_nic(review: &mut Review<'_>, at: NicRef) {
    let network = review.network;
    let (vm, nic) = (network.vm(at.vm), network.nic(at));
    let name = format!("{}/{}", vm.name, nic.name);
    let vnet = &network.vnet(nic.subnet.vnet).name;
    let fate = fate_in_clear(network.vnet(nic.subnet.vnet));
    match obstacle(network, at) {
        Some(Obstacle::NotAccelerated) => {
            let message = format!(
                "`{name}` is in encrypted `{vnet}` without accelerated networking, so its traffic {fate}"
            );
            let help = "set `enableAcceleratedNetworking: true`";
            review.warn("EncryptionNeedsAcceleratedNetworking", review.places.nic(at), message, help);
        }
        Some(Obstacle::Size) => {
            let message = format!(
                "`{name}` is in encrypted `{vnet}`, and size {} cannot encrypt: its traffic {fate}",
                vm.size
            );
            let help = "use a size that can, such as Standard_D4s_v5";
            review.warn("EncryptionSizeUnsupported", review.places.nic(at), message, help);
        }
        Some(Obstacle::NotConfigured) | None => {}
    }
}

/// What becomes of traffic that cannot be encrypted.
fn fate_in_clear(vnet: &VirtualNetwork) -> &'static str {
    match vnet.encryption {
        Some(EncryptionEnforcement::DropUnencrypted) => "is dropped",
        _ => "is in clear",
    }
}

/// Pools of internal load balancers in `vnet`.
fn internal_pools(network: &Network, vnet: VnetId) -> impl Iterator<Item = &Vec<NicRef>> {
    let internal = move |address: &FrontendAddress| matches!(address, FrontendAddress::Private { subnet: SubnetRef { vnet: there, .. }, .. } if *there == vnet);
    let balancers = network.load_balancers.iter();
    balancers
        .filter(move |it| it.frontends.iter().any(|frontend| internal(&frontend.address)))
        .flat_map(|it| it.backend_pools.iter().map(|(_, pool)| pool))
}

fn has_mixed_pool(network: &Network, vnet: VnetId) -> bool {
    let able = |nic: &NicRef| {
        network.nic(*nic).enable_accelerated_networking && encryption::can_encrypt(&network.vm(nic.vm).size)
    };
    internal_pools(network, vnet).any(|pool| pool.iter().any(able) && !pool.iter().all(able))
}

fn has_secondary_backend(network: &Network, vnet: VnetId) -> bool {
    internal_pools(network, vnet).any(|pool| pool.iter().any(|nic| network.nic(*nic).addresses.len() > 1))
}
