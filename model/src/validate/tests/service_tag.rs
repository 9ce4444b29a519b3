//! Service tags: built in, in Microsoft's file, and the lab's own.

use crate::network::{AddressPrefix, RulePeer, ServiceTag};

use super::*;
use crate::validate::{Loaded, load_with};

/// The addresses of the tag on the source side of the only rule.
fn source(loaded: Loaded) -> Vec<String> {
    assert_eq!(loaded.errors().count(), 0, "{:?}", loaded.diagnostics);
    let network = loaded.network.unwrap();
    let RulePeer::Prefixes(prefixes) = &network.network_security_groups[0].rules[0].source else { panic!() };
    let AddressPrefix::Tag(ServiceTag::Named(id)) = prefixes[0] else { panic!("{prefixes:?}") };
    network.service_tags.get(id).addresses.prefixes().iter().map(ToString::to_string).collect()
}

fn with_tags(tags: &str, word: &str) -> String {
    format!("name: lab\n{tags}\n{}\n", rule(&format!("sourceAddressPrefix: {word}")))
}

const FILE: &str = r#"{"changeNumber": 7, "cloud": "Public", "values": [
  {"name": "Storage.KoreaCentral", "id": "Storage.KoreaCentral", "properties": {"changeNumber": 3, "region": "koreacentral", "regionId": 50,
    "platform": "Azure", "systemService": "AzureStorage", "addressPrefixes": ["52.231.80.64/27", "52.231.80.96/27", "2603:1040:f04::/46"], "networkFeatures": ["NSG"]}},
  {"name": "ActionGroup", "properties": {"addressPrefixes": ["4.145.74.52"]}}
]}"#;

#[test]
fn s5_1_a_regional_tag_is_found_whatever_its_case() {
    for word in ["Storage.WestEurope", "storage.westeurope", "STORAGE.WESTEUROPE"] {
        let prefixes = source(load(&with_tags("", word)));
        assert!(prefixes.contains(&"191.239.203.0/24".to_owned()), "{prefixes:?}");
    }
    assert_eq!(source(load(&with_tags("", "Storage.KoreaCentral"))).len(), 1);
}

#[test]
fn s5_2_every_usual_tag_is_known() {
    let usual = [
        "VirtualNetwork",
        "Internet",
        "AzureLoadBalancer",
        "AzureCloud",
        "AzureCloud.KoreaCentral",
        "AzureActiveDirectory",
        "AzureResourceManager",
        "AzureMonitor",
        "AzureKeyVault",
        "Storage",
        "Sql",
        "SqlManagement",
        "AzureCosmosDB",
        "EventHub",
        "ServiceBus",
        "AzureContainerRegistry",
        "AppService",
        "AppServiceManagement",
        "GatewayManager",
        "AzureTrafficManager",
        "AzureFrontDoor.Backend",
        "AzureFrontDoor.Frontend",
        "AzureFrontDoor.FirstParty",
        "ApiManagement",
        "BatchNodeManagement",
        "AzureDatabricks",
        "HDInsight",
        "ServiceFabric",
        "LogicApps",
        "AzureBackup",
        "AzureSiteRecovery",
        "GuestAndHybridManagement",
        "MicrosoftContainerRegistry",
        "WindowsVirtualDesktop",
        "AzurePlatformDNS",
        "AzurePlatformIMDS",
        "AzurePlatformLKM",
        "ActionGroup",
        "AzureDevOps",
        "PowerBI",
    ];
    for word in usual {
        assert_eq!(problems(&with_tags("", word)), "", "{word}");
    }
}

#[test]
fn s5_1_microsofts_file_gives_the_tags() {
    let text = with_tags("serviceTags: ServiceTags_Public.json", "storage.koreacentral");
    let file = |path: &str| {
        assert_eq!(path, "ServiceTags_Public.json");
        Ok(FILE.to_owned())
    };
    assert_eq!(source(load_with(&text, &file)), ["52.231.80.64/26"]);
}

/// A file has all tags that there are; one of Azure's that is not in it has no addresses, which is told once.
#[test]
fn s5_1_a_tag_that_the_file_lacks_matches_nothing() {
    let rule = |name: &str, priority: u16, word: &str| {
        format!(
            "{name}: {{priority: {priority}, direction: Inbound, access: Allow, protocol: Tcp, sourceAddressPrefix: {word}}}"
        )
    };
    let both = rule("a", 100, "Storage.JapanEast") + ", " + &rule("b", 200, "storage.japaneast");
    let text = format!("name: lab\nserviceTags: tags.json\n{}\n", rules(&both));
    let loaded = load_with(&text, &|_| Ok(FILE.to_owned()));
    let said: Vec<_> = loaded.warnings().map(|warning| (warning.code, warning.message.clone())).collect();
    let message = "service tag `Storage.JapanEast` has no addresses here, so it matches nothing";
    assert_eq!(said, [("ServiceTagWithoutAddresses", message.to_owned())]);
    assert!(source(loaded).is_empty());
}

#[test]
fn a_file_that_cannot_be_used_is_refused_where_it_is_named() {
    let refused = |answer: Result<&str, &str>| {
        let text = "name: lab\nserviceTags: tags.json\n";
        let loaded = load_with(text, &|_| answer.map(str::to_owned).map_err(str::to_owned));
        let errors: Vec<_> = loaded.errors().map(|error| (error.code, error.message.clone())).collect();
        let at = crate::diagnostic::line_column(text, loaded.errors().next().unwrap().span.start);
        assert_eq!((errors.len(), errors[0].0, at.line), (1, "InvalidServiceTags", 2));
        errors[0].1.clone()
    };
    assert_eq!(
        refused(Err("No such file or directory")),
        "cannot use `tags.json`: No such file or directory"
    );
    assert!(refused(Ok("{")).starts_with("cannot use `tags.json`: it is no file of service tags: EOF"));
    assert!(
        problems("name: lab\nserviceTags: tags.json\n").contains("only the text of the topology is at hand")
    );
}

#[test]
fn s5_1_a_map_adds_or_replaces_just_its_tags() {
    let tags =
        "serviceTags: {Storage.WestUS: [203.0.113.0/25, 203.0.113.128/25], Own.Tag: [198.51.100.7/32]}";
    let of = |word: &str| source(load(&with_tags(tags, word)));
    assert_eq!(of("storage.westus"), ["203.0.113.0/24"]);
    assert_eq!(of("own.tag"), ["198.51.100.7/32"]);
    assert_eq!(of("Storage.EastUS"), source(load(&with_tags("", "Storage.EastUS"))));
    assert_eq!(of("Storage"), source(load(&with_tags("", "Storage"))));
    check(
        &lab,
        &[
            (
                "serviceTags: {Storage: [20.60.0.0/24], storage: [20.60.1.0/24]}",
                "error DuplicateResourceName: service tag `storage` is there twice; case does not tell tags apart: leave one out",
            ),
            (
                "serviceTags: {VirtualNetwork: [10.0.0.0/8]}",
                "error InvalidServiceTags: `VirtualNetwork` is no data: its addresses follow from the network; give addresses to a tag such as `Storage.WestUS`",
            ),
            (
                "serviceTags: {10.0.0.0/8: [10.0.0.0/8]}",
                "error InvalidServiceTags: `10.0.0.0/8` cannot be the name of a service tag; give addresses to a tag such as `Storage.WestUS`",
            ),
            (
                "serviceTags: {Storage: [20.60.0.1/24]}",
                "error InvalidCIDRNotation: `20.60.0.1/24` has bits set to the right of its prefix length; the prefix is `20.60.0.0/24`",
            ),
        ],
    );
}

#[test]
fn s5_1_unknown_tags_are_refused_with_what_was_meant() {
    check(
        &rule,
        &[
            (
                "sourceAddressPrefix: VirtualNetwrok",
                "error SecurityRuleInvalidAddressPrefix: there is no service tag `VirtualNetwrok`; did you mean `VirtualNetwork`?",
            ),
            (
                "sourceAddressPrefix: Storage.WestEuropa",
                "error SecurityRuleInvalidAddressPrefix: there is no service tag `Storage.WestEuropa`; did you mean `Storage.WestEurope`?",
            ),
            (
                "sourceAddressPrefix: Any",
                "error SecurityRuleInvalidAddressPrefix: there is no service tag `Any`; write `*`",
            ),
            (
                "sourceAddressPrefix: qqq",
                "error SecurityRuleInvalidAddressPrefix: there is no service tag `qqq`; write `*`, an address, a prefix or a service tag such as `VirtualNetwork`",
            ),
        ],
    );
}
