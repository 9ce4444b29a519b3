//! Azure's regions: their pairs, what service tags call them, and which public addresses the emulator gives out there.
//!
//! <https://learn.microsoft.com/azure/reliability/cross-region-replication-azure>,
//! <https://learn.microsoft.com/azure/virtual-network/service-tags-overview>

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// What is known of a region.
struct Region {
    name: &'static str,
    /// Where its storage is replicated to.
    pair: Option<&'static str>,
    /// What tags call it where that is not its name.
    in_tags: Option<&'static str>,
}

const fn region(name: &'static str, pair: &'static str) -> Region {
    Region { name, pair: Some(pair), in_tags: None }
}

const fn abbreviated(name: &'static str, pair: &'static str, in_tags: &'static str) -> Region {
    Region { name, pair: Some(pair), in_tags: Some(in_tags) }
}

const fn alone(name: &'static str) -> Region {
    Region { name, pair: None, in_tags: None }
}

/// The regions. A new one goes to the end: the position of a region decides its public addresses.
const REGIONS: &[Region] = &[
    region("australiacentral", "australiacentral2"),
    region("australiacentral2", "australiacentral"),
    region("australiaeast", "australiasoutheast"),
    region("australiasoutheast", "australiaeast"),
    region("brazilsouth", "southcentralus"),
    abbreviated("brazilsoutheast", "brazilsouth", "brazilse"),
    region("canadacentral", "canadaeast"),
    region("canadaeast", "canadacentral"),
    region("koreacentral", "koreasouth"),
    region("koreasouth", "koreacentral"),
    region("centralindia", "southindia"),
    region("southindia", "centralindia"),
    region("westindia", "southindia"),
    region("centralus", "eastus2"),
    region("eastus2", "centralus"),
    region("eastasia", "southeastasia"),
    region("southeastasia", "eastasia"),
    region("eastus", "westus"),
    region("westus", "eastus"),
    abbreviated("francecentral", "francesouth", "centralfrance"),
    abbreviated("francesouth", "francecentral", "southfrance"),
    abbreviated("germanywestcentral", "germanynorth", "germanywc"),
    abbreviated("germanynorth", "germanywestcentral", "germanyn"),
    region("japaneast", "japanwest"),
    region("japanwest", "japaneast"),
    region("northcentralus", "southcentralus"),
    region("southcentralus", "northcentralus"),
    region("northeurope", "westeurope"),
    region("westeurope", "northeurope"),
    abbreviated("norwayeast", "norwaywest", "norwaye"),
    abbreviated("norwaywest", "norwayeast", "norwayw"),
    region("southafricanorth", "southafricawest"),
    region("southafricawest", "southafricanorth"),
    region("swedencentral", "swedensouth"),
    region("swedensouth", "swedencentral"),
    abbreviated("switzerlandnorth", "switzerlandwest", "switzerlandn"),
    abbreviated("switzerlandwest", "switzerlandnorth", "switzerlandw"),
    region("uaenorth", "uaecentral"),
    region("uaecentral", "uaenorth"),
    region("uksouth", "ukwest"),
    region("ukwest", "uksouth"),
    region("westus2", "westcentralus"),
    region("westcentralus", "westus2"),
    region("westus3", "eastus"),
    region("jioindiawest", "jioindiacentral"),
    region("jioindiacentral", "jioindiawest"),
    alone("austriaeast"),
    alone("belgiumcentral"),
    alone("chilecentral"),
    alone("indonesiacentral"),
    alone("israelcentral"),
    alone("italynorth"),
    alone("malaysiawest"),
    alone("mexicocentral"),
    alone("newzealandnorth"),
    alone("polandcentral"),
    alone("qatarcentral"),
    alone("spaincentral"),
];

/// How many ranges of public addresses there are: 20.192.0.0/10 in /16s. The last one is for regions that are not known.
pub(super) const PUBLIC_RANGES: u8 = 64;

fn find(name: &str) -> Option<&'static Region> {
    REGIONS.iter().find(|region| region.name == name)
}

/// The region that this one is paired with.
pub(super) fn pair(name: &str) -> Option<&'static str> {
    find(name).and_then(|region| region.pair)
}

/// What the names of tags may say after the dot for this region.
pub(super) fn names_in_tags(name: &str) -> impl Iterator<Item = &str> {
    std::iter::once(name).chain(find(name).and_then(|region| region.in_tags))
}

/// Which of the [`PUBLIC_RANGES`] is this region's.
pub(super) fn public_range_number(name: &str) -> u8 {
    let at = REGIONS.iter().position(|region| region.name == name);
    at.and_then(|at| u8::try_from(at).ok()).unwrap_or(PUBLIC_RANGES - 1)
}

/// The nth range of public addresses: of 20.192.0.0/10, which belongs to Microsoft and is Azure's. Real regions have many
/// scattered ranges; in the emulator each has one, so that an address tells its region.
pub(super) fn public_range(number: u8) -> Ipv4Net {
    let network = Ipv4Addr::new(20, 192 + number % PUBLIC_RANGES, 0, 0);
    Ipv4Net::new_assert(network, 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_has_a_range_of_its_own() {
        let mut numbers: Vec<_> = REGIONS.iter().map(|region| public_range_number(region.name)).collect();
        numbers.push(public_range_number("atlantis"));
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), REGIONS.len() + 1);
        assert_eq!(public_range(public_range_number("koreacentral")).to_string(), "20.200.0.0/16");
        assert_eq!(public_range(PUBLIC_RANGES - 1).to_string(), "20.255.0.0/16");
    }

    #[test]
    fn a_pair_is_a_region() {
        assert!(REGIONS.iter().filter_map(|region| region.pair).all(|pair| find(pair).is_some()));
        assert_eq!(
            (pair("koreacentral"), pair("qatarcentral"), pair("atlantis")),
            (Some("koreasouth"), None, None)
        );
        assert_eq!(names_in_tags("francecentral").collect::<Vec<_>>(), ["francecentral", "centralfrance"]);
        assert_eq!(names_in_tags("atlantis").collect::<Vec<_>>(), ["atlantis"]);
    }
}
