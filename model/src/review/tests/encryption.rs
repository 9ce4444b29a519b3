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

/// Azure Firewall may share the network today; at general availability it could not.
#[test]
fn both_lists_of_services() {
    let firewall = "AzureFirewallSubnet: {addressPrefix: 10.0.2.0/26}";
    assert!(encrypted("", firewall, "").is_empty());
    assert_eq!(encrypted("encryptionSupport: original", firewall, ""), ["EncryptionUnsupportedService"]);
    let resolver = "dns: {addressPrefix: 10.0.3.0/28, delegation: Microsoft.Network/dnsResolvers}";
    assert_eq!(encrypted("", resolver, ""), ["EncryptionUnsupportedService"]);
}
