//! Properties of virtual networks and subnets that stand alone, and of machines that do not run.

use super::*;
use crate::network::vnet::{
    EncryptionEnforcement, PrivateEndpointNetworkPolicies, PrivateEndpointVnetPolicies,
};
use crate::network::{Network, PowerState};

fn vnet(typed: &str) -> String {
    networks(&format!("hub: {{addressSpace: [10.0.0.0/16], {typed}}}"))
}

fn network(typed: &str) -> Network {
    let file = format!("name: lab\n{typed}\n");
    load(&file).network.unwrap_or_else(|| panic!("{}", problems(&file)))
}

#[test]
fn s15_a_flow_timeout_is_4_to_30_minutes() {
    check(
        &vnet,
        &[
            ("flowTimeoutInMinutes: 4", ""),
            ("flowTimeoutInMinutes: 30", ""),
            (
                "flowTimeoutInMinutes: 3",
                "error ValueOutOfRange: flowTimeoutInMinutes of virtual network `hub` is 3; use a number from 4 to 30",
            ),
            (
                "flowTimeoutInMinutes: 31",
                "error ValueOutOfRange: flowTimeoutInMinutes of virtual network `hub` is 31; use a number from 4 to 30",
            ),
        ],
    );
    assert_eq!(
        network(&vnet("flowTimeoutInMinutes: 10")).virtual_networks[0].flow_timeout_in_minutes,
        Some(10)
    );
    assert_eq!(network(&vnet("")).virtual_networks[0].flow_timeout_in_minutes, None);
}

#[test]
fn s15_a_virtual_network_has_up_to_20_dns_servers() {
    let servers = |count: u8| (1..=count).map(|n| format!("10.0.0.{n}")).collect::<Vec<_>>().join(", ");
    check(
        &|typed| vnet(&format!("dhcpOptions: {{dnsServers: [{typed}]}}")),
        &[
            (&servers(20), ""),
            (
                &servers(21),
                "error LimitExceeded: there are 21 DNS servers of virtual network `hub`; at most 20 are allowed; leave 1 out",
            ),
            (
                "10.0.0.4, 10.0.0.4",
                "error DuplicateDnsServer: virtual network `hub` has the DNS server 10.0.0.4 twice; leave one out",
            ),
        ],
    );
    let dns = network(&vnet("dhcpOptions: {dnsServers: 10.0.0.5}")).virtual_networks[0].dns_servers.clone();
    assert_eq!(dns, ["10.0.0.5".parse::<std::net::Ipv4Addr>().unwrap()]);
}

#[test]
fn encryption_and_endpoint_policies_are_kept() {
    let hub = |typed: &str| network(&vnet(typed)).virtual_networks[0].clone();
    assert_eq!(hub("encryption: {enabled: true}").encryption, Some(EncryptionEnforcement::AllowUnencrypted));
    let announced = |typed: &str| {
        let file = format!("behavior: {{encryptionEnforcement: announced}}\n{}", vnet(typed));
        network(&file).virtual_networks[0].encryption
    };
    let drop = announced("encryption: {enabled: true, enforcement: DropUnencrypted}");
    assert_eq!(drop, Some(EncryptionEnforcement::DropUnencrypted));
    assert_eq!(announced("encryption: {enforcement: DropUnencrypted}"), None);
    let basic = hub("privateEndpointVNetPolicies: Basic");
    assert_eq!(basic.private_endpoint_vnet_policies, PrivateEndpointVnetPolicies::Basic);
}

/// At its line, with what may be written instead.
#[test]
fn s11_3_drop_unencrypted_is_refused_until_a_switch_allows_it() {
    let file = "name: lab
virtualNetworks:
  hub:
    addressSpace: [10.0.0.0/16]
    encryption:
      enabled: true
      enforcement: DropUnencrypted
";
    let said = problems(file);
    assert!(said.starts_with("error DropUnencryptedNotOffered: "), "{said}");
    assert!(said.contains("`enforcement: AllowUnencrypted`"), "{said}");
    assert!(said.contains("encryptionEnforcement: announced"), "{said}");
    let span = load(file).diagnostics[0].span;
    assert_eq!(&file[span.start..span.end], "DropUnencrypted");
    assert_eq!(problems(&format!("{file}behavior: {{encryptionEnforcement: announced}}\n")), "");
}

#[test]
fn s3_10_a_subnet_says_which_policies_hold_for_private_endpoints() {
    let policies = |typed: &str| {
        let file = subnets(&format!("web: {{addressPrefix: 10.0.1.0/24{typed}}}"));
        network(&file).virtual_networks[0].subnets[0].private_endpoint_network_policies
    };
    assert_eq!(policies(""), PrivateEndpointNetworkPolicies::Disabled);
    assert_eq!(
        policies(", privateEndpointNetworkPolicies: RouteTableEnabled"),
        PrivateEndpointNetworkPolicies::RouteTableEnabled
    );
}

#[test]
fn s2_4_a_subnet_is_private_when_it_or_the_switch_says_so() {
    let open = |typed: &str, behavior: &str| {
        let file = format!("{}\n{behavior}", subnets(&format!("web: {{addressPrefix: 10.0.1.0/24{typed}}}")));
        network(&file).virtual_networks[0].subnets[0].default_outbound_access
    };
    let private = "behavior: {defaultOutboundAccess: private}";
    assert!(open("", ""));
    assert!(!open(", defaultOutboundAccess: false", ""));
    assert!(!open("", private));
    assert!(open(", defaultOutboundAccess: true", private));
    assert!(open(", delegation: Microsoft.Web/serverFarms", private));
}

#[test]
fn s2_4_delegated_and_managed_subnets_do_not_take_default_outbound_access() {
    check(
        &subnets,
        &[
            (
                "web: {addressPrefix: 10.0.1.0/24, delegation: Microsoft.Web/serverFarms, defaultOutboundAccess: false}",
                "error DefaultOutboundAccessNotSupported: subnet `hub/web` cannot be private: it belongs to Microsoft.Web/serverFarms; leave `defaultOutboundAccess` out: a delegated or managed subnet does not take it",
            ),
            (
                "GatewaySubnet: {addressPrefix: 10.0.1.0/24, defaultOutboundAccess: false}",
                "error DefaultOutboundAccessNotSupported: subnet `hub/GatewaySubnet` cannot be private: it belongs to GatewaySubnet; leave `defaultOutboundAccess` out: a delegated or managed subnet does not take it",
            ),
        ],
    );
}

#[test]
fn s2_2_only_the_service_of_a_delegated_subnet_puts_interfaces_there() {
    check(
        &|typed| format!("{}\nvirtualMachines: {{a: {{subnet: hub/web}}}}", subnets(typed)),
        &[(
            "web: {addressPrefix: 10.0.1.0/24, delegation: Microsoft.Sql/managedInstances}",
            "error DelegatedSubnetVirtualMachine: network interface `a/nic0` is in a subnet that is delegated to Microsoft.Sql/managedInstances; only that service puts interfaces there: use another subnet",
        )],
    );
}

#[test]
fn s2_2_a_delegation_names_a_service_and_special_subnets_have_none() {
    check(
        &subnets,
        &[
            (
                "web: {addressPrefix: 10.0.1.0/24, delegation: Microsoft.ContainerInstance/containerGroups}",
                "",
            ),
            ("web: {addressPrefix: 10.0.1.0/24, delegation: Dell.Storage/fileSystems}", ""),
            (
                "web: {addressPrefix: 10.0.1.0/24, delegation: serverFarms}",
                "error InvalidDelegation: `serverFarms` is no service that a subnet can be delegated to; write a provider and its resource, such as `Microsoft.Web/serverFarms`",
            ),
            (
                "GatewaySubnet: {addressPrefix: 10.0.1.0/24, delegation: Microsoft.Web/serverFarms}",
                "error SpecialSubnetDelegation: GatewaySubnet cannot be delegated to Microsoft.Web/serverFarms; its name makes it the subnet of a service: delegate another one than GatewaySubnet",
            ),
        ],
    );
}

#[test]
fn s10_1_service_endpoints_are_of_services_that_have_them() {
    check(
        &|typed| subnets(&format!("web: {{addressPrefix: 10.0.1.0/24, serviceEndpoints: [{typed}]}}")),
        &[
            (
                "Microsoft.Storag",
                "error InvalidServiceEndpoint: `Microsoft.Storag` is no service with service endpoints; did you mean `Microsoft.Storage`?",
            ),
            (
                "Contoso.Nonsense",
                "error InvalidServiceEndpoint: `Contoso.Nonsense` is no service with service endpoints; services with endpoints are Microsoft.Storage, Microsoft.Sql, Microsoft.KeyVault and some others",
            ),
        ],
    );
    let twice = problems(&format!(
        "name: lab\n{}\n",
        subnets("web: {addressPrefix: 10.0.1.0/24, serviceEndpoints: [Microsoft.Sql, microsoft.sql]}")
    ));
    assert!(
        twice.contains("error DuplicateServiceEndpoint: there are two service endpoints for Microsoft.Sql")
    );
}

#[test]
fn a_machine_may_be_deallocated_and_keeps_its_address() {
    let file = format!(
        "{HUB}virtualMachines: {{a: {{subnet: hub/web, powerState: Deallocated, size: Standard_F8s_v2}}, b: {{subnet: hub/web}}}}"
    );
    let network = network(&file);
    let [a, b] = &network.virtual_machines[..] else { panic!("two machines") };
    assert_eq!((a.power_state, b.power_state), (PowerState::Deallocated, PowerState::Running));
    assert_eq!((a.size.as_str(), b.size.as_str()), ("Standard_F8s_v2", "Standard_D4s_v5"));
    assert_ne!(a.nics[0].addresses, b.nics[0].addresses);
}
