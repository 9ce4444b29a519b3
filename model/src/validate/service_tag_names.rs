//! Azure's service tags by name: which there are, which come by region, and the regions.
//!
//! <https://learn.microsoft.com/azure/virtual-network/service-tags-overview>

use crate::network::ServiceTag;

/// Tags whose addresses follow from the network and the platform. They are no data and cannot be replaced.
pub(super) const COMPUTED: [(&str, ServiceTag); 6] = [
    ("VirtualNetwork", ServiceTag::VirtualNetwork),
    ("Internet", ServiceTag::Internet),
    ("AzureLoadBalancer", ServiceTag::AzureLoadBalancer),
    ("AzurePlatformDNS", ServiceTag::AzurePlatformDns),
    ("AzurePlatformIMDS", ServiceTag::AzurePlatformImds),
    ("AzurePlatformLKM", ServiceTag::AzurePlatformLkm),
];

/// The computed tag of this name, compared without case.
pub(super) fn computed(word: &str) -> Option<ServiceTag> {
    COMPUTED.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, tag)| tag)
}

/// Azure's spelling of `word` when it is the name of a tag whose addresses are data, `Storage` or `Storage.WestEurope`.
pub(super) fn known(word: &str) -> Option<String> {
    let same = |name: &&&str| name.eq_ignore_ascii_case(word);
    if let Some(name) = REGIONAL.iter().find(same).or_else(|| GLOBAL.iter().find(same)) {
        return Some((*name).to_owned());
    }
    let (tag, region) = word.split_once('.')?;
    let tag = REGIONAL.iter().find(|name| name.eq_ignore_ascii_case(tag))?;
    let region = REGIONS.iter().find(|name| name.eq_ignore_ascii_case(region))?;
    Some(format!("{tag}.{region}"))
}

/// Every name but the regional forms.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let computed = COMPUTED.iter().map(|(name, _)| *name);
    computed.chain(REGIONAL.iter().copied()).chain(GLOBAL.iter().copied())
}

/// Tags that also come by region.
const REGIONAL: &[&str] = &[
    "ApiManagement",
    "AppConfiguration",
    "AppService",
    "AzureArcInfrastructure",
    "AzureBackup",
    "AzureCloud",
    "AzureCognitiveSearch",
    "AzureConnectors",
    "AzureContainerAppsService",
    "AzureContainerRegistry",
    "AzureCosmosDB",
    "AzureDatabricks",
    "AzureDataExplorerManagement",
    "AzureDevOps",
    "AzureDigitalTwins",
    "AzureEventGrid",
    "AzureHealthcareAPIs",
    "AzureIoTHub",
    "AzureKeyVault",
    "AzureMachineLearning",
    "AzureOpenDatasets",
    "AzureSignalR",
    "AzureSpringCloud",
    "AzureWebPubSub",
    "BatchNodeManagement",
    "CognitiveServices",
    "CognitiveServicesFrontend",
    "CognitiveServicesManagement",
    "DataFactory",
    "DataFactoryManagement",
    "EventHub",
    "HDInsight",
    "KustoAnalytics",
    "LogicApps",
    "LogicAppsManagement",
    "MicrosoftContainerRegistry",
    "PowerPlatformInfra",
    "PowerPlatformPlex",
    "PowerQueryOnline",
    "ServiceBus",
    "ServiceFabric",
    "Sql",
    "Storage",
    "StorageSyncService",
    "VideoIndexer",
];

/// Tags that do not.
const GLOBAL: &[&str] = &[
    "ActionGroup",
    "ApplicationInsightsAvailability",
    "AppServiceManagement",
    "AzureActiveDirectory",
    "AzureActiveDirectoryDomainServices",
    "AzureAdvancedThreatProtection",
    "AzureAttestation",
    "AzureAutomation",
    "AzureBotService",
    "AzureCommunicationServices",
    "AzureDeviceUpdate",
    "AzureFrontDoor",
    "AzureFrontDoor.Backend",
    "AzureFrontDoor.FirstParty",
    "AzureFrontDoor.Frontend",
    "AzureFrontDoor.MicrosoftSecurity",
    "AzureInformationProtection",
    "AzureLoadTestingInstanceManagement",
    "AzureManagedGrafana",
    "AzureMonitor",
    "AzureMonitorForSAP",
    "AzureResourceManager",
    "AzureSentinel",
    "AzureSiteRecovery",
    "AzureSphere",
    "AzureStack",
    "AzureTrafficManager",
    "AzureUpdateDelivery",
    "AzureVideoAnalyzerforMedia",
    "ChaosStudio",
    "Dynamics365",
    "Dynamics365BusinessCentral",
    "Dynamics365ForMarketingEmail",
    "EOPExternalPublishedIPs",
    "GatewayManager",
    "Grafana",
    "GuestAndHybridManagement",
    "IntuneManagement",
    "M365ManagementActivityApi",
    "Marketplace",
    "MicrosoftAzureFluidRelay",
    "MicrosoftCloudAppSecurity",
    "MicrosoftDefenderForEndpoint",
    "MicrosoftPurviewPolicyDistribution",
    "Office365",
    "OneDsCollector",
    "PowerBI",
    "PowerPlatform",
    "Scuba",
    "SecurityCopilot",
    "SerialConsole",
    "SqlManagement",
    "StorageMover",
    "WindowsAdminCenter",
    "WindowsVirtualDesktop",
];

/// Azure's public regions, as tags spell them.
const REGIONS: &[&str] = &[
    "WestUS",
    "EastUS",
    "EastUS2",
    "WestUS2",
    "WestUS3",
    "CentralUS",
    "NorthCentralUS",
    "SouthCentralUS",
    "WestCentralUS",
    "CanadaCentral",
    "CanadaEast",
    "MexicoCentral",
    "BrazilSouth",
    "BrazilSoutheast",
    "ChileCentral",
    "NorthEurope",
    "WestEurope",
    "UKSouth",
    "UKWest",
    "FranceCentral",
    "FranceSouth",
    "GermanyWestCentral",
    "GermanyNorth",
    "SwitzerlandNorth",
    "SwitzerlandWest",
    "NorwayEast",
    "NorwayWest",
    "SwedenCentral",
    "SwedenSouth",
    "PolandCentral",
    "ItalyNorth",
    "SpainCentral",
    "AustriaEast",
    "UAENorth",
    "UAECentral",
    "QatarCentral",
    "IsraelCentral",
    "SouthAfricaNorth",
    "SouthAfricaWest",
    "CentralIndia",
    "SouthIndia",
    "WestIndia",
    "JioIndiaWest",
    "JioIndiaCentral",
    "EastAsia",
    "SoutheastAsia",
    "JapanEast",
    "JapanWest",
    "KoreaCentral",
    "KoreaSouth",
    "AustraliaEast",
    "AustraliaSoutheast",
    "AustraliaCentral",
    "AustraliaCentral2",
    "NewZealandNorth",
    "MalaysiaWest",
    "IndonesiaCentral",
    "TaiwanNorth",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s5_1_a_regional_form_is_a_tag_and_a_region_in_any_case() {
        assert_eq!(known("storage").as_deref(), Some("Storage"));
        assert_eq!(known("STORAGE.koreacentral").as_deref(), Some("Storage.KoreaCentral"));
        assert_eq!(known("azurefrontdoor.backend").as_deref(), Some("AzureFrontDoor.Backend"));
        for word in ["Storage.Atlantis", "Storage.", "StorageX", "Storage.WestEurope.1", "é", ""] {
            assert_eq!(known(word), None, "{word}");
        }
    }

    /// The column "regional?" of the usual tags.
    #[test]
    fn s5_2_only_some_tags_come_by_region() {
        let regional = [
            "AzureCloud",
            "AzureKeyVault",
            "Storage",
            "Sql",
            "AzureCosmosDB",
            "EventHub",
            "ServiceBus",
            "AzureContainerRegistry",
            "AppService",
        ];
        let global = [
            "AzureActiveDirectory",
            "AzureResourceManager",
            "AzureMonitor",
            "SqlManagement",
            "AppServiceManagement",
            "GatewayManager",
            "AzureTrafficManager",
            "AzureFrontDoor.Backend",
        ];
        assert!(regional.iter().all(|tag| known(&format!("{tag}.WestEurope")).is_some()));
        assert!(
            global.iter().all(|tag| known(tag).is_some() && known(&format!("{tag}.WestEurope")).is_none())
        );
    }

    #[test]
    fn computed_tags_are_no_data() {
        assert_eq!(computed("azureplatformdns"), Some(ServiceTag::AzurePlatformDns));
        assert!(COMPUTED.iter().all(|(name, _)| known(name).is_none()));
        assert_eq!(names().filter(|name| name.starts_with("AzurePlatform")).count(), 3);
    }
}
