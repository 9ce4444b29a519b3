//! Private endpoints: one way, from clients to a service.
//!
//! <https://learn.microsoft.com/azure/private-link/private-endpoint-overview>,
//! <https://learn.microsoft.com/azure/private-link/disable-private-endpoint-network-policy>

use goal_state::DropReason;
use goal_state::nsg::{Access, Association, Direction};

use super::decision::Decision;
use super::explanation::Reason;
use super::journey::{Next, Place, Walk};
use super::node::Node;
use super::packet::{IpProtocol, Packet};
use super::port::{FilteredBy, Origin};
use super::rule_match::{deciding_rules, first_match_from_any_port};
use crate::effective::{FlowEncryption, Hop, Owner, deliver, hop_from};
use crate::network::vnet::PrivateEndpointNetworkPolicies;
use crate::network::{Outside, PrivateEndpointId, PrivateLinkServiceConnectionState};

impl Walk<'_> {
    /// A client's packet comes to a private endpoint, and through it to the service.
    pub(super) fn enter_private_endpoint(
        &mut self,
        id: PrivateEndpointId,
        packet: Packet,
    ) -> Result<Next, Reason> {
        let endpoint = self.network.private_endpoint(id);
        self.come_to(Node::PrivateEndpoint(id), FlowEncryption::NotConfigured);
        let decision = Decision::of(DropReason::PrivateEndpoint, &endpoint.name);
        if endpoint.state != PrivateLinkServiceConnectionState::Approved {
            let decision = decision.by("privateLinkServiceConnectionState");
            return Err(self.deny(decision, format!("the connection is {}, not Approved", endpoint.state)));
        }
        self.filter_at_private_endpoint(id, packet)?;
        if packet.protocol != IpProtocol::TCP {
            return Err(
                self.deny(decision, format!("a private endpoint carries TCP, not {}", packet.protocol))
            );
        }
        self.allow(decision, format!("to {}", self.network.service(endpoint.service).name));
        self.cross_private_endpoint(id, Direction::Inbound, packet);
        Ok(self.arrive(Node::Service(endpoint.service), packet, Place::BehindPrivateEndpoint(id)))
    }

    /// The service has a port of its own there.
    fn cross_private_endpoint(&mut self, id: PrivateEndpointId, direction: Direction, packet: Packet) {
        let endpoint = self.network.private_endpoint(id);
        let form = self.form(packet);
        self.cross_outside(Outside::Service(endpoint.service), &endpoint.name, direction, form);
    }

    /// The subnet's network security group counts where its policies say so, and whatever source port it asks for. Security
    /// admin rules never do.
    fn filter_at_private_endpoint(&mut self, id: PrivateEndpointId, packet: Packet) -> Result<(), Reason> {
        let subnet = self.network.private_endpoint(id).subnet;
        let policies = self.network.subnet(subnet).private_endpoint_network_policies;
        if !matches!(
            policies,
            PrivateEndpointNetworkPolicies::NetworkSecurityGroupEnabled
                | PrivateEndpointNetworkPolicies::Enabled
        ) {
            return Ok(());
        }
        let groups = &self.policy.subnet_filter(subnet).inbound;
        let find = |group| first_match_from_any_port(group, &packet);
        let place =
            format!("subnet {}/{}", self.network.vnet(subnet.vnet).name, self.network.subnet(subnet).name);
        for (group, rule) in deciding_rules(groups, find) {
            if group.association == Association::NetworkManager {
                continue;
            }
            let by = FilteredBy { group, rule, direction: Direction::Inbound };
            let detail = by.detail(&place, packet);
            match by.outcome() {
                Access::Allow => self.allow(by.decision(), detail),
                Access::Deny => return Err(self.deny(by.decision(), detail)),
            }
        }
        Ok(())
    }

    /// The service answers: straight to the client, whatever way the client's packet came.
    pub(super) fn answer_from_private_endpoint(
        &mut self,
        id: PrivateEndpointId,
        packet: Packet,
    ) -> Result<Next, Reason> {
        self.come_to(Node::PrivateEndpoint(id), FlowEncryption::NotConfigured);
        self.cross_private_endpoint(id, Direction::Outbound, packet);
        let subnet = self.network.private_endpoint(id).subnet;
        if let Ok(Owner::Nic(nic)) = deliver(self.policy, subnet, packet.destination) {
            return Ok(Next::Go(Place::Port { nic, origin: Origin::Outside }, packet));
        }
        let route = self.policy.routes(subnet).lookup(packet.destination);
        if let Some(Hop::Gateway(gateways)) = route.map(|route| hop_from(self.policy, subnet, None, route)) {
            return Ok(Next::Go(Place::Gateway { gateway: gateways[0], from: None }, packet));
        }
        let detail = format!("the private endpoint has no way back to {}", packet.destination);
        Err(self.deny(Decision::new(DropReason::NoDestination), detail))
    }
}
