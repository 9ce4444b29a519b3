//! Service tags: names for the addresses of Azure's services.
//!
//! <https://learn.microsoft.com/azure/virtual-network/service-tags-overview>

use std::collections::HashMap;
use std::sync::Arc;

use goal_state::nsg::AddressSet;

use super::TagId;

/// A service tag in a rule or a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceTag {
    /// The virtual network's space, its peers', what gateways lead to and 168.63.129.16: it differs per subnet.
    VirtualNetwork,
    /// Public addresses outside `VirtualNetwork`.
    Internet,
    /// 168.63.129.16, where health probes come from.
    AzureLoadBalancer,
    /// Azure's DNS at 168.63.129.16, port 53. Of use in Deny rules only.
    AzurePlatformDns,
    /// Instance metadata at 169.254.169.254. Of use in Deny rules only.
    AzurePlatformImds,
    /// Windows licensing (KMS), TCP 1688. Of use in Deny rules only.
    AzurePlatformLkm,
    /// A tag whose addresses are data: [`super::ServiceTags`] has them.
    Named(TagId),
}

impl ServiceTag {
    /// Azure's spelling. `data` has the tag when it is [`ServiceTag::Named`].
    #[must_use]
    pub fn name(self, data: &ServiceTags) -> &str {
        match self {
            Self::VirtualNetwork => "VirtualNetwork",
            Self::Internet => "Internet",
            Self::AzureLoadBalancer => "AzureLoadBalancer",
            Self::AzurePlatformDns => "AzurePlatformDNS",
            Self::AzurePlatformImds => "AzurePlatformIMDS",
            Self::AzurePlatformLkm => "AzurePlatformLKM",
            Self::Named(id) => &data.get(id).name,
        }
    }

    /// The tag of this name, compared without case.
    #[must_use]
    pub fn find(name: &str, data: &ServiceTags) -> Option<Self> {
        let known = [
            Self::VirtualNetwork,
            Self::Internet,
            Self::AzureLoadBalancer,
            Self::AzurePlatformDns,
            Self::AzurePlatformImds,
            Self::AzurePlatformLkm,
        ];
        let known = known.into_iter().find(|tag| tag.name(data).eq_ignore_ascii_case(name));
        known.or_else(|| data.find(name).map(Self::Named))
    }
}

/// The service tags whose addresses are data: built in, or given by the lab. Copies share them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceTags(Arc<Tags>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Tags {
    tags: Vec<TagPrefixes>,
    /// By name in lower case.
    by_name: HashMap<String, TagId>,
}

/// One tag with its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagPrefixes {
    /// Azure's spelling: `Storage`, `Storage.WestEurope`.
    pub name: String,
    /// Its public IPv4 addresses.
    pub addresses: AddressSet,
}

impl ServiceTags {
    /// These tags. Of two with one name (case does not count) the first is found.
    #[must_use]
    pub fn new(tags: Vec<TagPrefixes>) -> Self {
        let mut all = Tags::default();
        tags.into_iter().for_each(|tag| {
            all.add(tag);
        });
        Self(Arc::new(all))
    }

    /// Adds a tag. Its addresses replace those of a tag that has its name already.
    pub fn replace(&mut self, tag: TagPrefixes) -> TagId {
        let known = self.find(&tag.name);
        let tags = Arc::make_mut(&mut self.0);
        match known {
            Some(id) => {
                tags.tags[id.0] = tag;
                id
            }
            None => tags.add(tag),
        }
    }

    /// A tag by its id.
    #[must_use]
    pub fn get(&self, id: TagId) -> &TagPrefixes {
        &self.0.tags[id.0]
    }

    /// The tag of this name, compared without case.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<TagId> {
        self.0.by_name.get(&name.to_ascii_lowercase()).copied()
    }

    /// Every tag, with its id.
    pub fn iter(&self) -> impl Iterator<Item = (TagId, &TagPrefixes)> {
        self.0.tags.iter().enumerate().map(|(index, tag)| (TagId(index), tag))
    }
}

impl Tags {
    fn add(&mut self, tag: TagPrefixes) -> TagId {
        let id = TagId(self.tags.len());
        self.by_name.entry(tag.name.to_ascii_lowercase()).or_insert(id);
        self.tags.push(tag);
        id
    }
}
