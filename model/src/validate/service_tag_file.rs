//! Microsoft's weekly file of service tags, `ServiceTags_Public.json`.
//!
//! <https://www.microsoft.com/download/details.aspx?id=56519>. IPv6 prefixes are left out: there is no IPv6 yet.

use std::borrow::Cow;
use std::sync::LazyLock;

use goal_state::nsg::AddressSet;
use ipnet::{IpNet, Ipv4Net};
use serde::Deserialize;

use crate::network::{ServiceTags, TagPrefixes};

use super::service_tag_names::computed;

/// What there is without a file: a small sample in Microsoft's format. Its first field says what it is.
static BUILT_IN: LazyLock<ServiceTags> =
    LazyLock::new(|| read(include_str!("../../data/service_tags.json")).unwrap_or_default());

/// The built-in service tags.
pub(super) fn built_in() -> ServiceTags {
    BUILT_IN.clone()
}

#[derive(Deserialize)]
struct File<'t> {
    #[serde(borrow)]
    values: Vec<Value<'t>>,
}

#[derive(Deserialize)]
struct Value<'t> {
    #[serde(borrow)]
    name: Cow<'t, str>,
    #[serde(borrow)]
    properties: Properties<'t>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'t> {
    #[serde(borrow)]
    address_prefixes: Vec<Cow<'t, str>>,
}

/// Reads a file in Microsoft's format; fields that are not needed may be there or not.
///
/// # Errors
/// Why it is none, for a person.
pub(super) fn read(text: &str) -> Result<ServiceTags, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let file: File<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut tags = ServiceTags::default();
    for value in file.values.iter().filter(|value| computed(&value.name).is_none()) {
        let name = value.name.as_ref();
        if tags.find(name).is_some() {
            return Err(format!("tag `{name}` is there twice"));
        }
        let addresses = addresses(name, &value.properties.address_prefixes)?;
        tags.replace(TagPrefixes { name: name.to_owned(), addresses });
    }
    Ok(tags)
}

fn addresses(name: &str, prefixes: &[Cow<'_, str>]) -> Result<AddressSet, String> {
    let mut addresses = Vec::with_capacity(prefixes.len());
    for text in prefixes {
        addresses.extend(prefix(text).map_err(|why| format!("`{text}` of tag `{name}` {why}"))?);
    }
    Ok(AddressSet::new(addresses))
}

fn prefix(text: &str) -> Result<Option<Ipv4Net>, &'static str> {
    let address = || text.parse::<std::net::IpAddr>().map(IpNet::from).ok();
    match text.parse().ok().or_else(address) {
        Some(net @ IpNet::V4(v4)) if net == net.trunc() => Ok(Some(v4)),
        Some(net @ IpNet::V6(_)) if net == net.trunc() => Ok(None),
        Some(_) => Err("has bits set to the right of its prefix length"),
        None => Err("is no prefix"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_file_is_read() {
        let tags = read(include_str!("../../data/service_tags.json")).unwrap();
        let has = |tag: &str, address: &str| {
            tags.get(tags.find(tag).unwrap()).addresses.contains(address.parse().unwrap())
        };
        assert!(has("storage.westeurope", "191.239.203.1") && !has("Storage.WestEurope", "191.235.255.192"));
        assert!(
            has("Storage.NorthEurope", "191.235.255.192") && !has("Storage.NorthEurope", "191.239.203.1")
        );
        assert!(
            has("AzureCloud.westeurope", "191.239.203.1") && !has("AzureCloud.northeurope", "191.239.203.1")
        );
    }

    /// Which tag and which region an address has is never in doubt, and the wider tags hold the narrower ones.
    #[test]
    fn s5_1_built_in_tags_are_apart_and_azure_cloud_holds_them() {
        let tags = built_in();
        let of = |name: &str| &tags.get(tags.find(name).unwrap()).addresses;
        let holds = |whole: &AddressSet, part: &AddressSet| {
            part.prefixes().iter().all(|prefix| whole.prefixes().iter().any(|net| net.contains(prefix)))
        };
        let regional: Vec<_> =
            tags.iter().filter_map(|(_, tag)| Some((tag, tag.name.split_once('.')?))).collect();
        let regional: Vec<_> = regional
            .into_iter()
            .filter(|(_, (tag, _))| !["AzureCloud", "AzureFrontDoor"].contains(tag))
            .collect();
        assert!(regional.len() > 400);
        let mut seen: Vec<Ipv4Net> = Vec::new();
        for (tag, (service, region)) in &regional {
            assert!(holds(of(service), &tag.addresses), "{}", tag.name);
            assert!(holds(of(&format!("AzureCloud.{region}")), &tag.addresses), "{}", tag.name);
            assert!(!tag.addresses.is_empty());
            for prefix in tag.addresses.prefixes() {
                assert!(
                    !seen.iter().any(|other| other.contains(prefix) || prefix.contains(other)),
                    "{prefix}"
                );
                seen.push(*prefix);
            }
        }
        assert!(tags.iter().all(|(_, tag)| holds(of("AzureCloud"), &tag.addresses)));
    }

    #[test]
    fn a_file_that_is_none_says_why() {
        let file = |name: &str, prefix: &str| {
            read(&format!(
                r#"{{"values": [{{"name": "{name}", "properties": {{"addressPrefixes": ["{prefix}"]}}}}]}}"#
            ))
        };
        assert!(file("A", "20.0.0.0/8").is_ok() && file("A", "2603:1000::/25").is_ok());
        assert_eq!(
            file("A", "20.0.0.1/8").unwrap_err(),
            "`20.0.0.1/8` of tag `A` has bits set to the right of its prefix length"
        );
        assert_eq!(file("A", "x").unwrap_err(), "`x` of tag `A` is no prefix");
        assert!(read("{}").unwrap_err().contains("values"));
        assert!(read("").is_err());
        let twice = r#"{"values": [{"name": "A", "properties": {"addressPrefixes": []}}, {"name": "a", "properties": {"addressPrefixes": []}}]}"#;
        assert_eq!(read(twice).unwrap_err(), "tag `a` is there twice");
    }
}
