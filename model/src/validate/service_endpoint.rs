//! Service endpoints of subnets: which services there are, and which tags have the addresses that each leads to.
//!
//! <https://learn.microsoft.com/azure/virtual-network/virtual-network-service-endpoints-overview>

use crate::network::{ServiceEndpoint, ServiceTags, TagId};
use crate::topology::Spanned;

use super::region;
use super::report::Report;

/// Where the addresses that an endpoint leads to are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// In the subnet's region.
    Region,
    /// In the subnet's region and its pair.
    RegionAndPair,
    /// Anywhere.
    Everywhere,
}

use Reach::{Everywhere, Region, RegionAndPair};

/// Every service that has endpoints, its tag, and where its addresses are.
const SERVICES: [(&str, &str, Reach); 12] = [
    ("Microsoft.Storage", "Storage", RegionAndPair),
    ("Microsoft.Storage.Global", "Storage", Everywhere),
    ("Microsoft.Sql", "Sql", Region),
    ("Microsoft.AzureCosmosDB", "AzureCosmosDB", Everywhere),
    ("Microsoft.KeyVault", "AzureKeyVault", Everywhere),
    ("Microsoft.EventHub", "EventHub", Everywhere),
    ("Microsoft.ServiceBus", "ServiceBus", Everywhere),
    ("Microsoft.Web", "AppService", Everywhere),
    ("Microsoft.AzureActiveDirectory", "AzureActiveDirectory", Everywhere),
    ("Microsoft.CognitiveServices", "CognitiveServicesManagement", Everywhere),
    ("Microsoft.CognitiveServices", "CognitiveServicesFrontend", Everywhere),
    ("Microsoft.ContainerRegistry", "AzureContainerRegistry", Everywhere),
];

/// The tags whose addresses an endpoint for `service` in `region` leads to; those without data are left out.
pub(super) fn service_endpoint_tags(service: &str, region: &str, tags: &ServiceTags) -> Vec<TagId> {
    let mut found: Vec<TagId> = Vec::new();
    for (_, tag, reach) in SERVICES.iter().filter(|(name, ..)| name.eq_ignore_ascii_case(service)) {
        match reach {
            Everywhere => found.extend(tags.find(tag)),
            Region => found.extend(regional(tag, region, tags)),
            RegionAndPair => {
                found.extend(regional(tag, region, tags));
                found.extend(region::pair(region).and_then(|pair| regional(tag, pair, tags)));
            }
        }
    }
    found
}

fn regional(tag: &str, region: &str, tags: &ServiceTags) -> Option<TagId> {
    region::names_in_tags(region).find_map(|name| tags.find(&format!("{tag}.{name}")))
}

/// The service endpoints of a subnet in `region`; services that have none are errors.
pub(super) fn service_endpoints(
    typed: &[Spanned<String>],
    region: &str,
    tags: &ServiceTags,
    report: &mut Report,
) -> Vec<ServiceEndpoint> {
    let mut endpoints: Vec<ServiceEndpoint> = Vec::new();
    for service in typed {
        let Some(name) = spelling(service, report) else { continue };
        if endpoints.iter().any(|endpoint| endpoint.service == name) {
            let message = format!("there are two service endpoints for {name}");
            report.error("DuplicateServiceEndpoint", service.span, message, "leave one out");
            continue;
        }
        let tags = service_endpoint_tags(name, region, tags);
        if tags.is_empty() {
            let message =
                format!("no addresses of {name} are known in {region}, so its endpoint has no routes");
            let help = "give them by `serviceTags`";
            report.warning("ServiceEndpointWithoutAddresses", service.span, message, help);
        }
        endpoints.push(ServiceEndpoint { service: name.to_owned(), tags });
    }
    endpoints
}

/// Azure's spelling of a service.
fn spelling(service: &Spanned<String>, report: &mut Report) -> Option<&'static str> {
    let names = || SERVICES.iter().map(|(name, ..)| *name);
    let found = names().find(|name| name.eq_ignore_ascii_case(&service.value));
    if found.is_none() {
        let help = match crate::diagnostic::did_you_mean(&service.value, names()) {
            Some(similar) => format!("did you mean `{similar}`?"),
            None => "services with endpoints are Microsoft.Storage, Microsoft.Sql, Microsoft.KeyVault and some others"
                .to_owned(),
        };
        let message = format!("`{service}` is no service with service endpoints");
        report.error("InvalidServiceEndpoint", service.span, message, help);
    }
    found
}

#[cfg(test)]
mod tests {
    use goal_state::nsg::AddressSet;

    use super::*;
    use crate::network::TagPrefixes;

    fn tags(names: &[&str]) -> ServiceTags {
        let tag = |name: &&str| TagPrefixes { name: (*name).to_owned(), addresses: AddressSet::new([]) };
        ServiceTags::new(names.iter().map(tag).collect())
    }

    fn found(service: &str, region: &str) -> Vec<String> {
        let tags = tags(&[
            "Storage",
            "Storage.KoreaCentral",
            "Storage.KoreaSouth",
            "Storage.WestEurope",
            "Sql.KoreaCentral",
            "Sql.KoreaSouth",
            "Sql.centralfrance",
            "AzureKeyVault",
            "AzureKeyVault.KoreaCentral",
        ]);
        let ids = service_endpoint_tags(service, region, &tags);
        ids.into_iter().map(|id| tags.get(id).name.clone()).collect()
    }

    #[test]
    fn s10_1_storage_is_reached_in_the_region_and_its_pair() {
        assert_eq!(
            found("Microsoft.Storage", "koreacentral"),
            ["Storage.KoreaCentral", "Storage.KoreaSouth"]
        );
        assert_eq!(found("microsoft.storage", "westeurope"), ["Storage.WestEurope"]);
        assert_eq!(found("Microsoft.Storage.Global", "koreacentral"), ["Storage"]);
    }

    #[test]
    fn s10_1_sql_is_reached_in_the_region_only() {
        assert_eq!(found("Microsoft.Sql", "koreacentral"), ["Sql.KoreaCentral"]);
        assert_eq!(found("Microsoft.Sql", "francecentral"), ["Sql.centralfrance"]);
    }

    #[test]
    fn s10_1_other_services_are_reached_everywhere() {
        assert_eq!(found("Microsoft.KeyVault", "koreacentral"), ["AzureKeyVault"]);
        assert_eq!(found("Microsoft.Web", "koreacentral"), [""; 0]);
    }
}
