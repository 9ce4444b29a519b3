//! Encrypted virtual networks, and what in them is in clear.

use super::codes;

fn encrypted(behavior: &str, rest: &str, machine: &str) -> Vec<String> {
    codes(&format!(
        "name: lab
behavior: {{{behavior}}}
virtualNetworks:
  hub:
    addressSpace: [10.0.0.0/16]
    encryption: {{enabled: true}}
    subnets:
      web: {{addressPrefix: 10.0.1.0/24, networkSecurityGroup: nsg}}
      {rest}
networkSecurityGroups: {{nsg: {{}}}}
virtualMachines: {{web1: {{subnet: hub/web{machine}}}}}
"
    ))
}

#[test]
fn machines_need_hardware_that_encrypts() {
    assert!(encrypted("", "", "").is_empty());
    assert_eq!(
        encrypted("", "", ", enableAcceleratedNetworking: false"),
        ["EncryptionNeedsAcceleratedNetworking"]
    );
    assert_eq!(encrypted("", "", ", size: Standard_B2s"), ["EncryptionSizeUnsupported"]);
}

/// A file that may ask for what is announced is still told.
#[test]
fn s11_3_what_azure_does_not_offer_yet_is_a_warning() {
    let file = "name: lab
behavior: {encryptionEnforcement: announced}
virtualNetworks: {hub: {addressSpace: [10.0.0.0/16], encryption: {enabled: true, enforcement: DropUnencrypted}}}
";
    assert_eq!(codes(file), ["EncryptionEnforcementNotOffered"]);
    assert!(codes(&file.replace("DropUn", "AllowUn")).is_empty());
}

#[test]
fn s11_5_confidential_machines_are_in_clear() {
    assert_eq!(encrypted("", "", ", size: Standard_DC4as_v5"), ["EncryptionSizeUnsupported"]);
}

/// The pool of an internal load balancer in an encrypted network, with these two machines in it.
fn balanced(first: &str, second: &str) -> Vec<String> {
    let file = format!(
        "name: lab
virtualNetworks: {{hub: {{addressSpace: [10.0.0.0/16], encryption: {{enabled: true}}, subnets: {{web: {{addressPrefix: 10.0.1.0/24, networkSecurityGroup: nsg}}}}}}}}
networkSecurityGroups: {{nsg: {{}}}}
virtualMachines: {{web1: {{{first}}}, web2: {{{second}}}}}
loadBalancers:
  lb:
    frontendIPConfigurations: {{fe: {{subnet: hub/web, privateIPAddress: 10.0.1.100}}}}
    backendAddressPools: {{pool: [web1, web2]}}
    loadBalancingRules: {{http: {{protocol: Tcp, frontendIPConfiguration: fe, frontendPort: 80, backendPort: 80, backendAddressPool: pool}}}}
"
    );
    codes(&file).into_iter().filter(|code| code == "EncryptionUnsupportedService").collect()
}

#[test]
fn s11_5_what_encryption_does_not_support_is_a_warning() {
    let plain = "subnet: hub/web";
    assert_eq!(balanced(plain, plain), [""; 0]);
    let unable = "subnet: hub/web, size: Standard_B2s";
    assert_eq!(balanced(plain, unable).len(), 1, "mixed");
    assert_eq!(balanced(unable, unable), [""; 0], "not mixed");
    let several =
        "networkInterfaces: {nic0: {ipConfigurations: {a: {subnet: hub/web}, b: {subnet: hub/web}}}}";
    assert_eq!(balanced(several, plain).len(), 1);
    let resolver = "dns: {addressPrefix: 10.0.3.0/28, delegation: Microsoft.Network/dnsResolvers}";
    assert_eq!(encrypted("", resolver, ""), ["EncryptionUnsupportedService"]);
}

/// Azure Firewall may share the network today; at general availability it could not.
#[test]
fn both_lists_of_services() {
    let firewall = "AzureFirewallSubnet: {addressPrefix: 10.0.2.0/26}";
    assert!(encrypted("", firewall, "").is_empty());
    assert_eq!(encrypted("encryptionSupport: original", firewall, ""), ["EncryptionUnsupportedService"]);
    let resolver = "dns: {addressPrefix: 10.0.3.0/28, delegation: Microsoft.Network/dnsResolvers}";
    assert_eq!(encrypted("", resolver, ""), ["EncryptionUnsupportedService"]);
}
