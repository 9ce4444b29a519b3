//! Overlap of prefixes.

use ipnet::Ipv4Net;

/// Whether two prefixes share an address. Of two prefixes that do, one holds the other.
pub(super) fn overlap(a: Ipv4Net, b: Ipv4Net) -> bool {
    a.contains(&b) || b.contains(&a)
}

/// The first pair of prefixes, one of each list, that share an address.
pub(super) fn first_overlap(a: &[Ipv4Net], b: &[Ipv4Net]) -> Option<(Ipv4Net, Ipv4Net)> {
    a.iter().flat_map(|a| b.iter().map(move |b| (*a, *b))).find(|(a, b)| overlap(*a, *b))
}

/// Every prefix that overlaps an earlier one, with the first that it does: (position, earlier position).
pub(super) fn overlaps_within(prefixes: &[Ipv4Net]) -> Vec<(usize, usize)> {
    let mut by_address: Vec<usize> = (0..prefixes.len()).collect();
    by_address.sort_by_key(|&at| (prefixes[at].network(), prefixes[at].prefix_len(), at));
    let mut open: Vec<usize> = Vec::new();
    let mut found = Vec::new();
    for at in by_address {
        open.retain(|&holder| prefixes[holder].contains(&prefixes[at]));
        found.extend(open.iter().map(|&holder| (at.max(holder), at.min(holder))));
        open.push(at);
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
    fn two_spaces_overlap_when_any_of_their_prefixes_do() {
        let a = prefixes(&["10.0.0.0/16", "10.2.0.0/16"]);
        assert_eq!(first_overlap(&a, &prefixes(&["10.1.0.0/16"])), None);
        let (mine, theirs) = first_overlap(&a, &prefixes(&["10.1.0.0/16", "10.2.3.0/24"])).unwrap();
        assert_eq!((mine.to_string(), theirs.to_string()), ("10.2.0.0/16".into(), "10.2.3.0/24".into()));
    }
}
