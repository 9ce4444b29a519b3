//! What a name stands for, as one virtual network sees it. Pure.
//!
//! Of the zones of a virtual network the most specific one that covers a name answers for it: what that zone does not have does not exist,
//! whatever the public DNS says. Names that no zone covers are asked there. An alias is followed by the same rules, so that the public
//! name of a service leads into a private zone where one is linked, and to its public address where none is.
//! <https://learn.microsoft.com/azure/dns/private-dns-overview>, <https://learn.microsoft.com/azure/private-link/private-endpoint-dns>

use std::sync::Arc;

use goal_state::Vni;
use goal_state::platform::{Names, NetworkNames, Record, RecordData, Zone};

/// How many aliases are followed.
const LONGEST_CHAIN: usize = 8;

/// Which kind of record is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A.
    Address,
    /// CNAME.
    Alias,
    /// PTR.
    Pointer,
    /// Whatever there is.
    Any,
    /// What no name has here: AAAA, MX and all others.
    Other,
}

/// Why there is no record of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// The name is there, but has nothing of the kind.
    Kind,
    /// There is no such name.
    Name,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// Aliases on the way, then what was asked for.
    pub(super) records: Vec<Record>,
    /// Present when the last name on the way has nothing to tell.
    pub(super) missing: Option<Missing>,
    /// The zone that answered last; none for the public DNS.
    pub(super) zone: Option<Arc<Zone>>,
}

/// The names that one virtual network sees.
#[derive(Debug, Clone)]
pub(super) struct View {
    names: Arc<Names>,
    network: Option<usize>,
}

impl View {
    /// Of the virtual network `vni`; one that is not known sees the public DNS only.
    pub(super) fn new(names: &Arc<Names>, vni: Vni) -> Self {
        let network = names.networks.iter().position(|network| network.vni == vni);
        Self { names: Arc::clone(names), network }
    }

    /// What `name` stands for: in lower case, without the last dot.
    pub(super) fn resolve(&self, name: &str, kind: Kind) -> Answer {
        let mut records = Vec::new();
        let mut name = name.to_owned();
        for _ in 0..LONGEST_CHAIN {
            let zone = self.zone_of(&name);
            let known = of_name(zone.map_or(&self.names.public, |zone| &zone.records), &name);
            let alias = known.iter().find_map(|record| match &record.data {
                RecordData::Alias(target) => Some((record, target)),
                _ => None,
            });
            if let Some((record, target)) = alias
                && matches!(kind, Kind::Address | Kind::Pointer | Kind::Other)
            {
                records.push(record.clone());
                name.clone_from(target);
                continue;
            }
            let wanted = known.iter().filter(|record| is_of(record, kind)).cloned().collect::<Vec<_>>();
            let is_there = !known.is_empty() || zone.is_some_and(|zone| zone.name == name);
            let missing = match (wanted.is_empty(), is_there) {
                (false, _) => None,
                (true, true) => Some(Missing::Kind),
                (true, false) => Some(Missing::Name),
            };
            records.extend(wanted);
            return Answer { records, missing, zone: zone.cloned() };
        }
        // Aliases of each other lead nowhere.
        Answer { records, missing: Some(Missing::Kind), zone: None }
    }

    /// The most specific zone that covers `name`.
    fn zone_of(&self, name: &str) -> Option<&Arc<Zone>> {
        let NetworkNames { zones, .. } = self.names.networks.get(self.network?)?;
        let mut suffix = name;
        loop {
            if let Ok(found) = zones.binary_search_by(|zone| zone.name.as_str().cmp(suffix)) {
                return zones.get(found);
            }
            suffix = suffix.split_once('.')?.1;
        }
    }
}

/// All records of that name in a sorted list.
fn of_name<'a>(records: &'a [Record], name: &str) -> &'a [Record] {
    let first = records.partition_point(|record| record.name.as_str() < name);
    let length = records[first..].partition_point(|record| record.name == name);
    &records[first..first + length]
}

fn is_of(record: &Record, kind: Kind) -> bool {
    matches!(
        (kind, &record.data),
        (Kind::Any, _)
            | (Kind::Address, RecordData::Address(_))
            | (Kind::Alias, RecordData::Alias(_))
            | (Kind::Pointer, RecordData::Pointer(_))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(name: &str, last: u8) -> Record {
        Record { name: name.into(), data: RecordData::Address([10, 0, 0, last].into()) }
    }

    fn alias(name: &str, target: &str) -> Record {
        Record { name: name.into(), data: RecordData::Alias(target.into()) }
    }

    fn zone(name: &str, records: Vec<Record>) -> Arc<Zone> {
        Arc::new(Zone { name: name.into(), records })
    }

    const HUB: u32 = 1;

    /// The hub has its own names, a private zone with another inside, and the zone of a private link. A spoke (2) has nothing.
    fn names() -> Arc<Names> {
        let sql = "sql1.privatelink.database.windows.net";
        let reversed = Record {
            name: "4.0.0.10.in-addr.arpa".into(),
            data: RecordData::Pointer("web1.x.internal.cloudapp.net".into()),
        };
        let mut public = vec![
            address("example.com", 100),
            alias("sql1.database.windows.net", sql),
            address(sql, 101),
            alias("sql2.database.windows.net", "sql2.privatelink.database.windows.net"),
            address("sql2.privatelink.database.windows.net", 102),
            alias("a.loop", "b.loop"),
            alias("b.loop", "a.loop"),
            address("www.corp.internal", 103),
        ];
        public.sort();
        let zones = vec![
            zone("0.10.in-addr.arpa", vec![reversed]),
            zone("corp.internal", vec![address("web1.corp.internal", 4), address("x.dev.corp.internal", 9)]),
            zone("dev.corp.internal", vec![address("web1.dev.corp.internal", 5)]),
            zone("privatelink.database.windows.net", vec![address(sql, 6)]),
            zone("x.internal.cloudapp.net", vec![address("web1.x.internal.cloudapp.net", 4)]),
        ];
        Arc::new(Names { public, networks: vec![NetworkNames { vni: Vni::new(HUB).unwrap(), zones }] })
    }

    fn asked(vni: u32, name: &str, kind: Kind) -> String {
        let answer = View::new(&names(), Vni::new(vni).unwrap()).resolve(name, kind);
        let shown = answer.records.iter().map(|record| match &record.data {
            RecordData::Address(address) => address.to_string(),
            RecordData::Alias(name) | RecordData::Pointer(name) => name.clone(),
        });
        let missing = answer.missing.map(|missing| format!("no {missing:?}"));
        shown.chain(missing).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn s10_3_the_most_specific_zone_answers_and_nobody_after_it() {
        let ask = |name: &str| asked(HUB, name, Kind::Address);
        assert_eq!(ask("web1.corp.internal"), "10.0.0.4");
        assert_eq!(ask("web1.dev.corp.internal"), "10.0.0.5");
        assert_eq!(ask("x.dev.corp.internal"), "no Name", "the outer zone has it");
        assert_eq!(ask("www.corp.internal"), "no Name", "the public DNS has it");
        assert_eq!(ask("corp.internal"), "no Kind");
        assert_eq!(ask("web1.x.internal.cloudapp.net"), "10.0.0.4");
        assert_eq!(ask("example.com"), "10.0.0.100");
        assert_eq!(ask("nobody.example.com"), "no Name");
        assert_eq!(asked(HUB, "web1.corp.internal", Kind::Other), "no Kind");
    }

    #[test]
    fn s10_3_other_virtual_networks_do_not_see_them() {
        assert_eq!(asked(2, "web1.corp.internal", Kind::Address), "no Name");
        assert_eq!(asked(2, "web1.x.internal.cloudapp.net", Kind::Address), "no Name");
        assert_eq!(asked(2, "www.corp.internal", Kind::Address), "10.0.0.103");
    }

    #[test]
    fn s10_2_a_services_name_leads_into_the_private_zone_where_one_is_linked() {
        let link = "sql1.privatelink.database.windows.net";
        assert_eq!(asked(HUB, "sql1.database.windows.net", Kind::Address), format!("{link} 10.0.0.6"));
        assert_eq!(asked(2, "sql1.database.windows.net", Kind::Address), format!("{link} 10.0.0.101"));
        // Of another private endpoint, whose record is not in this zone.
        assert_eq!(
            asked(HUB, "sql2.database.windows.net", Kind::Address),
            "sql2.privatelink.database.windows.net no Name"
        );
        assert_eq!(asked(HUB, "sql1.database.windows.net", Kind::Alias), link);
    }

    #[test]
    fn s10_3_addresses_have_names_inside_the_virtual_network() {
        assert_eq!(asked(HUB, "4.0.0.10.in-addr.arpa", Kind::Pointer), "web1.x.internal.cloudapp.net");
        assert_eq!(asked(HUB, "9.0.0.10.in-addr.arpa", Kind::Pointer), "no Name");
        assert_eq!(asked(2, "4.0.0.10.in-addr.arpa", Kind::Pointer), "no Name");
    }

    #[test]
    fn aliases_of_each_other_end() {
        assert!(asked(HUB, "a.loop", Kind::Address).ends_with("no Kind"));
    }
}
