//! Service tags: the ones that are built, and Azure's others, which are known by name only.
//!
//! <https://learn.microsoft.com/azure/virtual-network/service-tags-overview>

use crate::network::ServiceTag;

/// What a word on the side of a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// A tag that is built.
    Built(ServiceTag),
    /// A tag of Azure that is not built yet, in Azure's spelling.
    NotBuilt(&'static str),
    /// No tag of Azure.
    Unknown,
}

/// What `word` is. Tags are compared without case; a region after a dot, as in `Storage.WestEurope`, is not looked at.
pub(super) fn look_up(word: &str) -> Word {
    if let Some((_, tag)) = BUILT.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word)) {
        return Word::Built(tag);
    }
    let is_tag = |tag: &&&str| {
        let head = word.get(..tag.len()).is_some_and(|head| head.eq_ignore_ascii_case(tag));
        head && word[tag.len()..].chars().next().is_none_or(|next| next == '.')
    };
    OTHERS.iter().find(is_tag).map_or(Word::Unknown, |tag| Word::NotBuilt(tag))
}

const BUILT: [(&str, ServiceTag); 3] = [
    ("VirtualNetwork", ServiceTag::VirtualNetwork),
    ("Internet", ServiceTag::Internet),
    ("AzureLoadBalancer", ServiceTag::AzureLoadBalancer),
];

/// The spelling of every tag.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    BUILT.into_iter().map(|(name, _)| name).chain(OTHERS.iter().copied())
}

/// Azure's other tags, without the regional forms.
const OTHERS: &[&str] = &[
    "ActionGroup",
    "ApiManagement",
    "ApplicationInsightsAvailability",
    "AppConfiguration",
    "AppService",
    "AppServiceManagement",
    "AzureActiveDirectory",
    "AzureActiveDirectoryDomainServices",
    "AzureAdvancedThreatProtection",
    "AzureArcInfrastructure",
    "AzureAttestation",
    "AzureBackup",
    "AzureBotService",
    "AzureCloud",
    "AzureCognitiveSearch",
    "AzureConnectors",
    "AzureContainerAppsService",
    "AzureContainerRegistry",
    "AzureCosmosDB",
    "AzureDatabricks",
    "AzureDataExplorerManagement",
    "AzureDeviceUpdate",
    "AzureDevOps",
    "AzureDigitalTwins",
    "AzureEventGrid",
    "AzureFrontDoor",
    "AzureHealthcareAPIs",
    "AzureInformationProtection",
    "AzureIoTHub",
    "AzureKeyVault",
    "AzureLoadTestingInstanceManagement",
    "AzureMachineLearning",
    "AzureMonitor",
    "AzureOpenDatasets",
    "AzurePlatformDNS",
    "AzurePlatformIMDS",
    "AzurePlatformLKM",
    "AzureResourceManager",
    "AzureSentinel",
    "AzureSignalR",
    "AzureSiteRecovery",
    "AzureSphere",
    "AzureSpringCloud",
    "AzureStack",
    "AzureTrafficManager",
    "AzureUpdateDelivery",
    "AzureWebPubSub",
    "BatchNodeManagement",
    "ChaosStudio",
    "CognitiveServicesFrontend",
    "CognitiveServicesManagement",
    "DataFactory",
    "DataFactoryManagement",
    "Dynamics365BusinessCentral",
    "Dynamics365ForMarketingEmail",
    "EOPExternalPublishedIPs",
    "EventHub",
    "GatewayManager",
    "GuestAndHybridManagement",
    "HDInsight",
    "KustoAnalytics",
    "LogicApps",
    "LogicAppsManagement",
    "M365ManagementActivityApi",
    "MicrosoftAzureFluidRelay",
    "MicrosoftCloudAppSecurity",
    "MicrosoftContainerRegistry",
    "MicrosoftDefenderForEndpoint",
    "MicrosoftPurviewPolicyDistribution",
    "Office365",
    "OneDsCollector",
    "PowerBI",
    "PowerPlatformInfra",
    "PowerPlatformPlex",
    "PowerQueryOnline",
    "Scuba",
    "SecurityCopilot",
    "SerialConsole",
    "ServiceBus",
    "ServiceFabric",
    "Sql",
    "SqlManagement",
    "Storage",
    "StorageMover",
    "StorageSyncService",
    "TrafficManager",
    "VideoIndexer",
    "WindowsAdminCenter",
    "WindowsVirtualDesktop",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_tags_are_built_and_the_others_known() {
        assert_eq!(look_up("virtualnetwork"), Word::Built(ServiceTag::VirtualNetwork));
        assert_eq!(look_up("storage"), Word::NotBuilt("Storage"));
        assert_eq!(look_up("Storage.WestEurope"), Word::NotBuilt("Storage"));
        assert_eq!(look_up("AzureFrontDoor.Backend"), Word::NotBuilt("AzureFrontDoor"));
        assert_eq!(look_up("StorageX"), Word::Unknown);
        assert_eq!(look_up("Internett"), Word::Unknown);
        assert_eq!(look_up("é"), Word::Unknown);
    }
}
