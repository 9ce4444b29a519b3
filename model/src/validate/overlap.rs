//! Overlap of prefixes.

use ipnet::Ipv4Net;

/// Whether two prefixes share an address. Of two prefixes that do, one holds the other.
pub(super) fn overlap(a: Ipv4Net, b: Ipv4Net) -> bool {
    a.contains(&b) || b.contains(&a)
}

/// A pair of prefixes, one of each list, that share an address.
pub(super) fn first_overlap(a: &[Ipv4Net], b: &[Ipv4Net]) -> Option<(Ipv4Net, Ipv4Net)> {
    let mut all: Vec<(Ipv4Net, usize)> = a.iter().map(|prefix| (*prefix, 0)).collect();
    all.extend(b.iter().map(|prefix| (*prefix, 1)));
    all.sort_by_key(|(prefix, _)| (prefix.network(), prefix.prefix_len()));
    // The prefixes of each list around the present one, each inside the one below it.
    let mut around: [Vec<Ipv4Net>; 2] = Default::default();
    for (prefix, list) in all {
        for holders in &mut around {
            while holders.pop_if(|holder| !holder.contains(&prefix)).is_some() {}
        }
        if let Some(&other) = around[1 - list].last() {
            return Some(if list == 0 { (prefix, other) } else { (other, prefix) });
        }
        around[list].push(prefix);
    }
    None
}

/// Every prefix that overlaps an earlier one, with one that it does: (position, earlier position).
pub(crate) fn overlaps_within(prefixes: &[Ipv4Net]) -> Vec<(usize, usize)> {
    let mut by_address: Vec<usize> = (0..prefixes.len()).collect();
    by_address.sort_by_key(|&at| (prefixes[at].network(), prefixes[at].prefix_len(), at));
    // The prefixes around the present one, each inside the one below it, with the earliest position so far. All of
    // them overlap, so telling each new one against the earliest tells every one but the earliest.
    let mut around: Vec<(Ipv4Net, usize)> = Vec::new();
    let mut found = Vec::new();
    for at in by_address {
        while around.pop_if(|(holder, _)| !holder.contains(&prefixes[at])).is_some() {}
        let earliest = around.last().map_or(at, |&(_, earliest)| earliest.min(at));
        found.extend(around.last().map(|&(_, other)| (other.max(at), other.min(at))));
        around.push((prefixes[at], earliest));
    }
    found.sort_unstable();
    found.dedup_by_key(|(later, _)| *later);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(texts: &[&str]) -> Vec<Ipv4Net> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn neighbours_do_not_overlap() {
        assert_eq!(overlaps_within(&prefixes(&["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/23"])), []);
    }

    #[test]
    fn each_later_prefix_is_reported_once() {
        let all = prefixes(&["10.0.1.0/24", "10.0.0.0/16", "10.1.0.0/16", "10.0.1.128/25", "10.0.1.0/24"]);
        assert_eq!(overlaps_within(&all), [(1, 0), (3, 0), (4, 0)]);
    }

    #[test]
    fn exactly_the_prefixes_that_overlap_an_earlier_one_are_found() {
        let texts =
            ["10.0.2.0/24", "10.0.0.0/22", "10.0.0.0/23", "10.0.2.0/25", "10.0.4.0/24", "10.0.0.0/22"];
        let mut all = prefixes(&texts);
        for _ in 0..all.len() {
            all.rotate_left(1);
            let expected: Vec<_> = (0..all.len())
                .filter(|&at| all[..at].iter().any(|earlier| overlap(*earlier, all[at])))
                .collect();
            let found = overlaps_within(&all);
            assert_eq!(found.iter().map(|(later, _)| *later).collect::<Vec<_>>(), expected, "{all:?}");
            assert!(
                found.iter().all(|&(later, earlier)| earlier < later && overlap(all[later], all[earlier]))
            );
        }
    }

    #[test]
    fn two_spaces_overlap_when_any_of_their_prefixes_do() {
        let a = prefixes(&["10.0.0.0/16", "10.2.0.0/16"]);
        assert_eq!(first_overlap(&a, &prefixes(&["10.1.0.0/16"])), None);
        let (mine, theirs) = first_overlap(&a, &prefixes(&["10.1.0.0/16", "10.2.3.0/24"])).unwrap();
        assert_eq!((mine.to_string(), theirs.to_string()), ("10.2.0.0/16".into(), "10.2.3.0/24".into()));
    }
}
