//! One address set without another, as prefixes.

use goal_state::nsg::AddressSet;
use ipnet::Ipv4Net;

/// The addresses of `set` that are not in `removed`.
#[must_use]
pub fn difference(set: &AddressSet, removed: &AddressSet) -> AddressSet {
    let mut left = Vec::new();
    for &prefix in set.prefixes() {
        cut(prefix, within(prefix, removed.prefixes()), &mut left);
    }
    AddressSet::new(left)
}

/// Pushes the parts of `prefix` that no prefix of `removed` covers, halving it where one lies inside. All of `removed` share an
/// address with it.
fn cut(prefix: Ipv4Net, removed: &[Ipv4Net], left: &mut Vec<Ipv4Net>) {
    if let [only] = removed
        && only.contains(&prefix)
    {
        return;
    }
    if removed.is_empty() {
        left.push(prefix);
        return;
    }
    // A removed prefix lies strictly inside, so this prefix is shorter than /32 and can be halved.
    for half in prefix.subnets(prefix.prefix_len() + 1).into_iter().flatten() {
        cut(half, within(half, removed), left);
    }
}

/// The sorted, disjoint prefixes that share an address with `prefix`: they are neighbours.
fn within(prefix: Ipv4Net, sorted: &[Ipv4Net]) -> &[Ipv4Net] {
    let start = sorted.partition_point(|other| other.broadcast() < prefix.network());
    let length = sorted[start..].partition_point(|other| other.network() <= prefix.broadcast());
    &sorted[start..start + length]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(prefixes: &[&str]) -> AddressSet {
        prefixes.iter().map(|prefix| prefix.parse::<Ipv4Net>().unwrap()).collect()
    }

    #[test]
    fn what_is_inside_is_cut_out_and_what_is_outside_stays() {
        assert_eq!(difference(&set(&["10.0.0.0/8"]), &set(&["10.0.0.0/9"])), set(&["10.128.0.0/9"]));
        assert_eq!(difference(&set(&["10.0.0.0/16"]), &set(&["10.0.0.0/8"])), set(&[]));
        assert_eq!(difference(&set(&["10.0.0.0/16"]), &set(&["11.0.0.0/8"])), set(&["10.0.0.0/16"]));
        assert_eq!(difference(&AddressSet::all(), &AddressSet::all()), set(&[]));
        let all_but_one = difference(&AddressSet::all(), &set(&["168.63.129.16/32"]));
        assert_eq!(all_but_one.prefixes().len(), 32);
        assert!(!all_but_one.contains("168.63.129.16".parse().unwrap()));
    }

    fn any_set() -> impl Strategy<Value = AddressSet> {
        let prefix = (any::<u32>(), 0..=8_u8)
            .prop_map(|(bits, length)| Ipv4Net::new((bits & 0xff00_0000).into(), length).unwrap().trunc());
        proptest::collection::vec(prefix, 0..6).prop_map(AddressSet::new)
    }

    proptest! {
        #[test]
        fn an_address_is_in_the_difference_when_it_is_in_one_and_not_in_the_other(
            set in any_set(), removed in any_set(), address in any::<u32>(),
        ) {
            let address = address.into();
            prop_assert_eq!(
                difference(&set, &removed).contains(address),
                set.contains(address) && !removed.contains(address)
            );
        }
    }
}
