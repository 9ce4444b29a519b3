//! Encrypted virtual networks, and what in them is in clear.

use super::super::encryption::can_encrypt;
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

#[test]
fn sizes_that_encrypt() {
    for able in [
        "Standard_D4s_v5",
        "Standard_E8ds_v4",
        "Standard_F4as_v6",
        "Standard_L8s_v3",
        "Standard_M64_v2",
        "Standard_D2as_v6",
    ] {
        assert!(can_encrypt(able), "{able}");
    }
    for unable in [
        "Standard_B2s",
        "Standard_D4s_v3",
        "Standard_DC4as_v5",
        "Standard_F8s_v2",
        "Standard_L8s_v2",
        "Standard",
        "",
    ] {
        assert!(!can_encrypt(unable), "{unable}");
    }
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
