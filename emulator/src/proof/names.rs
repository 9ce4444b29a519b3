//! What people call those whose ports tell of packets.
//!
//! The file's machines have their own names. Hosts of the internet and services are virtual machines of the edge host by other names, and a
//! service has a port of its own behind each private endpoint.

use std::collections::BTreeMap;

use goal_state::{NicId, VmName};
use model::network::Network;
use model::network::outside::outside;

/// Names of a network that are not those of its machines.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    outside: BTreeMap<VmName, String>,
    /// Whose interface of this name leads to which private endpoint.
    endpoints: BTreeMap<VmName, Vec<String>>,
}

impl Names {
    /// The names of `network`.
    pub(crate) fn of(network: &Network) -> Self {
        let mut names = Self::default();
        for (it, vm) in outside(network) {
            let endpoints = network.private_endpoints.iter();
            let own = endpoints.filter(|endpoint| it == model::network::Outside::Service(endpoint.service));
            names.endpoints.insert(vm.clone(), own.map(|endpoint| endpoint.name.clone()).collect());
            names.outside.insert(vm, it.name(network));
        }
        names
    }

    /// A machine, or who is outside.
    pub(crate) fn of_vm(&self, vm: &VmName) -> String {
        self.outside.get(vm).cloned().unwrap_or_else(|| vm.to_string())
    }

    /// Where a port is: with its machine, or the private endpoint.
    pub(crate) fn of_port(&self, nic: &NicId) -> String {
        self.endpoint(nic).map_or_else(|| self.of_vm(&nic.vm), str::to_owned)
    }

    /// Where a packet has come to that a port lets in: behind a private endpoint is the service.
    pub(crate) fn of_arrival(&self, nic: &NicId) -> Vec<String> {
        let endpoint = self.endpoint(nic).map(str::to_owned);
        endpoint.into_iter().chain([self.of_vm(&nic.vm)]).collect()
    }

    fn endpoint(&self, nic: &NicId) -> Option<&str> {
        let mut endpoints = self.endpoints.get(&nic.vm)?.iter();
        endpoints.find(|name| name.as_str() == nic.nic.as_str()).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_two_names_behind_a_private_endpoint() {
        const TOPOLOGY: &str = "
name: names
internet: {hosts: {client: 203.0.113.9}}
services: {sql1: {type: Microsoft.Sql, ipAddress: 20.60.0.9}}
virtualNetworks:
  net: {addressSpace: [10.0.0.0/16], subnets: {s: {addressPrefix: 10.0.1.0/24}}}
virtualMachines:
  web: {subnet: net/s, privateIPAddress: 10.0.1.4}
privateEndpoints:
  pe-sql: {subnet: net/s, privateIPAddress: 10.0.1.9, service: sql1}
";
        let loaded = crate::topology::from_text(TOPOLOGY, std::path::Path::new("names.yaml")).unwrap();
        let names = Names::of(&loaded.network);
        let nic = |vm: &str, nic: &str| NicId { vm: vm.parse().unwrap(), nic: nic.parse().unwrap() };
        assert_eq!(names.of_port(&nic("web", "nic0")), "web");
        assert_eq!(names.of_arrival(&nic("internet.client", "nic0")), ["internet/client"]);
        assert_eq!(names.of_arrival(&nic("service.sql1", "nic0")), ["sql1"]);
        assert_eq!(names.of_arrival(&nic("service.sql1", "pe-sql")), ["pe-sql", "sql1"]);
        assert_eq!(names.of_port(&nic("service.sql1", "pe-sql")), "pe-sql");
    }
}
