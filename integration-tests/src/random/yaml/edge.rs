//! What lies at the edge: the internet, public addresses, a NAT gateway, a load balancer, a service and the ways to it.

use std::fmt::Write;

use crate::random::{Balancer, Network, Service};

/// What services of [`TYPE`] and storage have addresses in.
const SERVICES: &str = "20.60.0.0/24";
/// The address of a load balancer's public frontend.
const PUBLIC_FRONTEND: &str = "20.200.7.9";

impl Network {
    /// Sections of the file.
    pub(super) fn write_edge(&self, text: &mut String) {
        let mut addresses = Vec::new();
        if self.gateway.is_some() {
            addresses.push("pip-vpn: {sku: Standard}".to_owned());
        }
        if let Some(edge) = &self.edge {
            let with_address = (0..self.vms.len()).filter(|vm| self.has_public_address(*vm));
            addresses.extend(with_address.map(|vm| format!("pip-vm{vm}: {{}}")));
            if edge.nat_gateway.is_some() {
                addresses.push("pip-nat1: {}, pip-nat2: {}".to_owned());
                writeln!(text, "natGateways: {{nat: {{publicIPAddresses: [pip-nat1, pip-nat2]}}}}").unwrap();
            }
            if let Some(balancer) = &edge.balancer {
                if balancer.public {
                    addresses.push(format!("pip-lb: {{ipAddress: {PUBLIC_FRONTEND}}}"));
                }
                self.write_balancer(text, balancer);
            }
            writeln!(text, "internet: {{hosts: {{client: 203.0.113.77}}}}").unwrap();
            if let Some(service) = &edge.service {
                self.write_service(text, service);
            }
        }
        if !addresses.is_empty() {
            writeln!(text, "publicIPAddresses: {{{}}}", addresses.join(", ")).unwrap();
        }
    }

    /// The public address of a VM's first NIC, as a field of it.
    pub(super) fn public_address(&self, vm: usize) -> String {
        if self.has_public_address(vm) { format!(", publicIPAddress: pip-vm{vm}") } else { String::new() }
    }

    fn has_public_address(&self, vm: usize) -> bool {
        let vms = self.edge.iter().flat_map(|edge| &edge.public_addresses);
        vms.into_iter().any(|number| number % self.vms.len() == vm)
    }

    /// What of it is attached to a subnet, as fields.
    pub(super) fn edge_fields(&self, vnet: usize, subnet: usize) -> String {
        let Some(edge) = &self.edge else { return String::new() };
        let here = |place: Option<(usize, usize)>| {
            place.is_some_and(|(at, number)| self.vnet(at) == vnet && self.subnet(vnet, number) == subnet)
        };
        let mut fields = String::new();
        if here(edge.nat_gateway) {
            fields += ", natGateway: nat";
        }
        let Some(service) = &edge.service else { return fields };
        if here(service.endpoint) {
            write!(fields, ", serviceEndpoints: [Microsoft.{}]", kind(service)).unwrap();
        }
        if here(service.private_endpoint) && service.policies {
            fields += ", privateEndpointNetworkPolicies: NetworkSecurityGroupEnabled";
        }
        fields
    }

    /// The tag of the service's addresses, when a service endpoint needs it.
    pub(super) fn edge_tag(&self) -> Option<(&'static str, &'static str)> {
        let service = self.edge.as_ref()?.service.as_ref()?;
        service.endpoint.map(|_| (kind(service), SERVICES))
    }

    fn write_balancer(&self, text: &mut String, balancer: &Balancer) {
        let vnet = self.vnet_of_vm(balancer.pool[0] % self.vms.len());
        let mut pool: Vec<String> = Vec::new();
        for vm in balancer.pool.iter().map(|number| number % self.vms.len()) {
            let name = format!("vm{vm}");
            if self.vnet_of_vm(vm) == vnet && !pool.contains(&name) {
                pool.push(name);
            }
        }
        let frontend = match balancer.public {
            true => "publicIPAddress: pip-lb".to_owned(),
            false => {
                let prefix = self.subnet_prefix(vnet, 0);
                let address = prefix.replace(".0/24", ".240");
                format!("subnet: vnet{vnet}/s1, privateIPAddress: {address}")
            }
        };
        let rule = "frontendIPConfiguration: fe, backendAddressPool: pool";
        let ports = "frontendPort: 80, backendPort: 443";
        let snat = if balancer.disable_outbound_snat { ", disableOutboundSnat: true" } else { "" };
        let floating = if balancer.floating { ", enableFloatingIP: true" } else { "" };
        let spread = balancer.distribution;
        writeln!(text, "loadBalancers:\n  lb:\n    sku: Standard").unwrap();
        writeln!(text, "    frontendIPConfigurations: {{fe: {{{frontend}}}}}").unwrap();
        writeln!(text, "    backendAddressPools: {{pool: [{}]}}", pool.join(", ")).unwrap();
        writeln!(text, "    loadBalancingRules:").unwrap();
        writeln!(text, "      web: {{{rule}, protocol: Tcp, {ports}, loadDistribution: {spread}{snat}}}")
            .unwrap();
        let dns = "frontendPort: 53, backendPort: 53";
        writeln!(text, "      dns: {{{rule}, protocol: Udp, {dns}{snat}{floating}}}").unwrap();
        let member = &pool[0];
        writeln!(text, "    inboundNatRules: {{one: {{frontendIPConfiguration: fe, backend: {member}, protocol: Tcp, frontendPort: 443, backendPort: 80}}}}").unwrap();
        if balancer.public && balancer.disable_outbound_snat {
            writeln!(text, "    outboundRules: {{out: {{{rule}, protocol: All}}}}").unwrap();
        }
    }

    fn write_service(&self, text: &mut String, service: &Service) {
        let listen = if service.listens { ", listen: [80/tcp, 53/udp]" } else { "" };
        let kind = kind(service);
        writeln!(text, "services: {{store: {{type: Microsoft.{kind}, ipAddress: 20.60.0.9{listen}}}}}")
            .unwrap();
        if let Some((vnet, subnet)) = service.private_endpoint {
            let vnet = self.vnet(vnet);
            let subnet = self.subnet(vnet, subnet);
            let address = self.subnet_prefix(vnet, subnet).replace(".0/24", ".150");
            let state = if service.approved { "Approved" } else { "Pending" };
            writeln!(text, "privateEndpoints: {{pe: {{subnet: vnet{vnet}/s{}, service: store, privateIPAddress: {address}, privateLinkServiceConnectionState: {state}}}}}", subnet + 1).unwrap();
        }
    }
}

fn kind(service: &Service) -> &'static str {
    if service.is_storage { "Storage" } else { "Sql" }
}
