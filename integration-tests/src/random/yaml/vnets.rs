//! Virtual networks and their peering links.

use std::fmt::Write;

use crate::random::{Link, Network};

impl Network {
    pub(super) fn write_virtual_network(&self, text: &mut String, vnet: usize) {
        writeln!(text, "  vnet{vnet}:\n    addressSpace: [{}]", self.space(vnet)).unwrap();
        if let Some(enforcement) = self.enforcement(vnet) {
            writeln!(text, "    encryption: {{enabled: true, enforcement: {enforcement}}}").unwrap();
        }
        text.push_str("    subnets:\n");
        for (at, subnet) in self.vnets[vnet].subnets.iter().enumerate() {
            let prefix = self.subnet_prefix(vnet, at);
            let attached = self.attachments(*subnet) + &self.edge_fields(vnet, at);
            writeln!(text, "      s{}: {{addressPrefix: {prefix}{attached}}}", at + 1).unwrap();
        }
        if vnet == 0 {
            self.write_special_subnets(text);
        }
        let links: Vec<_> = self.links().into_iter().filter(|link| link.from == vnet).collect();
        text.push_str(if links.is_empty() { "" } else { "    peerings:\n" });
        for link in links {
            self.write_link(text, &link);
        }
    }

    fn write_special_subnets(&self, text: &mut String) {
        if !self.appliances.is_empty() {
            let attached = self.attachments(self.appliance_subnet);
            writeln!(text, "      nva: {{addressPrefix: 10.0.100.0/24{attached}}}").unwrap();
        }
        if self.gateway.is_some() {
            writeln!(text, "      GatewaySubnet: {{addressPrefix: 10.0.250.0/26}}").unwrap();
        }
        if self.announced.is_some() {
            writeln!(text, "      RouteServerSubnet: {{addressPrefix: 10.0.251.0/26}}").unwrap();
        }
    }

    fn write_link(&self, text: &mut String, link: &Placed) {
        let Placed { to, link: Link { access, forwarded, transit, .. }, .. } = link;
        write!(
            text,
            "      to-vnet{to}: {{remoteVirtualNetwork: vnet{to}, allowVirtualNetworkAccess: {access}, allowForwardedTraffic: {forwarded}"
        )
        .unwrap();
        if *transit {
            text.push_str(", allowGatewayTransit: true");
        }
        if link.uses_gateways {
            text.push_str(", useRemoteGateways: true");
        }
        if let Some((local, remote)) = &link.subnets {
            write!(
                text,
                ", peerCompleteVnets: false, localSubnetNames: [{local}], remoteSubnetNames: [{remote}]"
            )
            .unwrap();
        }
        if link.link.stale {
            write!(text, ", remoteAddressSpace: [{}]", self.subnet_prefix(*to, 0)).unwrap();
        }
        if link.link.disconnected {
            text.push_str(", peeringState: Disconnected");
        }
        text.push_str("}\n");
    }

    /// The peering links that Azure takes: the spaces of a virtual network and of all its peers are disjoint.
    fn links(&self) -> Vec<Placed> {
        let mut links: Vec<Placed> = Vec::new();
        for ((one, other), peering) in [(0, 1), (0, 2), (1, 2)].into_iter().zip(self.peerings) {
            if other >= self.vnets.len() || self.space(one) == self.space(other) {
                continue;
            }
            let names = peering
                .of_subnets
                .map(|number| ("s1".to_owned(), format!("s{}", self.subnet(other, number) + 1)));
            let turned = names.clone().map(|(one, other)| (other, one));
            let sides = [
                (one, other, peering.there, peering.back, names),
                (other, one, peering.back, peering.there, turned),
            ];
            for (from, to, link, back, subnets) in sides {
                let is_taken = links
                    .iter()
                    .any(|earlier| earlier.from == from && self.space(earlier.to) == self.space(to));
                let Some(link) = link.filter(|_| !is_taken) else { continue };
                let uses_gateways = link.remote_gateways && self.may_use_gateways(from, to, back);
                links.push(Placed { from, to, link, subnets, uses_gateways });
            }
        }
        links
    }

    /// The first virtual network alone has a gateway or route server.
    fn may_use_gateways(&self, from: usize, to: usize, back: Option<Link>) -> bool {
        let has_gateway = self.gateway.is_some() || self.has_route_server();
        from != 0 && to == 0 && has_gateway && back.is_none_or(|back| back.transit)
    }
}

/// A link between two virtual networks.
struct Placed {
    from: usize,
    to: usize,
    link: Link,
    /// The names of the subnets here and there that alone are peered.
    subnets: Option<(String, String)>,
    uses_gateways: bool,
}
