//! Service tags of a lab: the built-in ones, Microsoft's file, or the lab's own, and what a word in a rule or route names.
//!
//! <https://learn.microsoft.com/azure/virtual-network/service-tags-overview>

use std::collections::HashSet;

use goal_state::nsg::AddressSet;

use crate::network::{ServiceTag, ServiceTags, TagId, TagPrefixes};
use crate::topology::{self, Ipv4Prefix, Map, Span, Spanned, Topology};

use super::report::Report;
use super::service_tag_file::{built_in, read};
use super::service_tag_names::{computed, known, names};

/// The text of the file that `serviceTags` names, relative to the topology file; or why there is none, for a person.
pub type TagFile<'f> = &'f dyn Fn(&str) -> Result<String, String>;

/// The tags that a lab may use.
#[derive(Debug)]
pub(super) struct Catalogue {
    tags: ServiceTags,
    /// Tags of Azure that nobody gave addresses; each is told once.
    without_addresses: HashSet<TagId>,
}

impl Catalogue {
    /// The built-in tags, or those of Microsoft's file, or the built-in ones with those of the map added or replaced.
    pub(super) fn new(topology: &Topology, file: TagFile<'_>, report: &mut Report) -> Self {
        let tags = match &topology.service_tags {
            None => built_in(),
            Some(Spanned { value: topology::ServiceTags::File(path), span }) => {
                from_file(path, *span, file, report)
            }
            Some(Spanned { value: topology::ServiceTags::Tags(map), .. }) => with_map(map, report),
        };
        Self { tags, without_addresses: HashSet::new() }
    }

    /// The tag that a word names; an error with `code` when it names none.
    pub(super) fn resolve(
        &mut self,
        word: &str,
        at: Span,
        code: &'static str,
        report: &mut Report,
    ) -> Option<ServiceTag> {
        if let Some(tag) = computed(word) {
            return Some(tag);
        }
        if let Some(id) = self.tags.find(word) {
            return Some(ServiceTag::Named(id));
        }
        let Some(name) = known(word) else {
            self.report_unknown(word, at, code, report);
            return None;
        };
        Some(ServiceTag::Named(self.add_without_addresses(name, at, report)))
    }

    /// Every tag with its addresses.
    pub(super) fn into_tags(self) -> ServiceTags {
        self.tags
    }

    fn add_without_addresses(&mut self, name: String, at: Span, report: &mut Report) -> TagId {
        let message = format!("service tag `{name}` has no addresses here, so it matches nothing");
        let help = "give them by `serviceTags`: Microsoft's file ServiceTags_Public.json, or a map of tags to prefixes";
        let id = self.tags.replace(TagPrefixes { name, addresses: AddressSet::default() });
        if self.without_addresses.insert(id) {
            report.warning("ServiceTagWithoutAddresses", at, message, help);
        }
        id
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let given = self.tags.iter().map(|(_, tag)| tag.name.as_str());
        given.chain(names().map(|name| -> &str { name })).chain(["*"])
    }

    fn report_unknown(&self, word: &str, at: Span, code: &'static str, report: &mut Report) {
        let help = if word.eq_ignore_ascii_case("any") {
            "write `*`".to_owned()
        } else if let Some(similar) = report.similar(word, self.names()) {
            format!("did you mean `{similar}`?")
        } else {
            "write `*`, an address, a prefix or a service tag such as `VirtualNetwork`".to_owned()
        };
        report.error(code, at, format!("there is no service tag `{word}`"), help);
    }
}

fn from_file(path: &str, at: Span, file: TagFile<'_>, report: &mut Report) -> ServiceTags {
    let read_it = || {
        file(path).and_then(|text| read(&text).map_err(|why| format!("it is no file of service tags: {why}")))
    };
    read_it().unwrap_or_else(|why| {
        let help = "name Microsoft's file ServiceTags_Public.json, from the folder of this file on, or write a map of tags to prefixes";
        report.error("InvalidServiceTags", at, format!("cannot use `{path}`: {why}"), help);
        built_in()
    })
}

fn with_map(map: &Map<Vec<Spanned<Ipv4Prefix>>>, report: &mut Report) -> ServiceTags {
    let mut tags = built_in();
    let mut own = HashSet::new();
    for (name, prefixes) in map {
        if let Some(problem) = name_problem(name) {
            let message = format!("`{name}` {problem}");
            report.error(
                "InvalidServiceTags",
                name.span,
                message,
                "give addresses to a tag such as `Storage.WestUS`",
            );
            continue;
        }
        let addresses = AddressSet::new(prefixes.iter().map(|prefix| prefix.value.0));
        let name_of_azure = known(name).unwrap_or_else(|| name.value.clone());
        if !own.insert(tags.replace(TagPrefixes { name: name_of_azure, addresses })) {
            let message = format!("service tag `{name}` is there twice");
            report.error(
                "DuplicateResourceName",
                name.span,
                message,
                "case does not tell tags apart: leave one out",
            );
        }
    }
    tags
}

fn name_problem(name: &str) -> Option<&'static str> {
    let is_word = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
    if !is_word {
        Some("cannot be the name of a service tag")
    } else if computed(name).is_some() {
        Some("is no data: its addresses follow from the network")
    } else {
        None
    }
}
