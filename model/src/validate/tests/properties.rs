//! Whatever valid file is drawn, no two things get the same number.

use std::collections::BTreeSet;
use std::fmt::Write;

use proptest::prelude::*;

use super::*;

/// For each virtual network, how many machines are in it, and whether each of them names its address.
fn labs() -> impl Strategy<Value = Vec<Vec<bool>>> {
    prop::collection::vec(prop::collection::vec(any::<bool>(), 0..12), 1..8)
}

/// A file with these machines. Every network has the same space: they are unrelated.
fn file(lab: &[Vec<bool>], hosts: u32) -> String {
    let mut networks = String::from("virtualNetworks:\n");
    let mut machines = String::from("virtualMachines:\n  first: {subnet: v0/s}\n");
    for (vnet, named) in lab.iter().enumerate() {
        let _ = writeln!(
            networks,
            "  v{vnet}: {{addressSpace: [10.0.0.0/16], subnets: {{s: {{addressPrefix: 10.0.0.0/24}}}}}}"
        );
        for (vm, named) in named.iter().enumerate() {
            let address =
                if *named { format!(", privateIPAddress: 10.0.0.{}", 4 + vm) } else { String::new() };
            let _ = writeln!(machines, "  m{vnet}-{vm}: {{subnet: v{vnet}/s{address}}}");
        }
    }
    format!("name: lab\nhosts: {hosts}\n{networks}{machines}")
}

/// What may happen to a line of a file.
#[derive(Debug, Clone)]
enum Slip {
    Forget,
    Repeat,
    /// One word becomes another word of the file.
    Mistake(prop::sample::Index, prop::sample::Index),
}

fn slips() -> impl Strategy<Value = Vec<(prop::sample::Index, Slip)>> {
    let index = any::<prop::sample::Index>;
    let slip = prop_oneof![
        Just(Slip::Forget),
        Just(Slip::Repeat),
        (index(), index()).prop_map(|(wrong, other)| Slip::Mistake(wrong, other)),
    ];
    prop::collection::vec((index(), slip), 1..4)
}

fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| c.is_whitespace() || "{}[],:/".contains(c)).filter(|word| !word.is_empty()).collect()
}

/// `text` after some slips of the pen.
fn written_in_a_hurry(text: &str, slips: &[(prop::sample::Index, Slip)]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (at, slip) in slips {
        let at = at.index(lines.len());
        match slip {
            Slip::Forget => drop(lines.remove(at)),
            Slip::Repeat => lines.insert(at, lines[at].clone()),
            Slip::Mistake(wrong, other) => {
                let of_line = words(&lines[at]);
                let (wrong, other) = (wrong.get(&of_line), other.get(&words(text)).to_string());
                lines[at] = lines[at].replace(wrong, &other);
            }
        }
    }
    lines.join("\n") + "\n"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn addresses_macs_and_vnis_are_unique(lab in labs(), hosts in 1u32..5) {
        let text = file(&lab, hosts);
        prop_assert_eq!(problems(&text), "");
        let network = load(&text).network.unwrap();
        let count = network.nics().count();
        prop_assert_eq!(count, 1 + lab.iter().map(Vec::len).sum::<usize>());

        let addresses: BTreeSet<_> =
            network.nics().map(|(_, nic)| (nic.subnet.vnet, nic.addresses[0])).collect();
        prop_assert_eq!(addresses.len(), count);
        let macs: BTreeSet<_> = network.nics().map(|(_, nic)| nic.mac.serial()).collect();
        prop_assert_eq!(macs.len(), count);
        let vnis: BTreeSet<_> = network.virtual_networks.iter().map(|vnet| vnet.vni).collect();
        prop_assert_eq!(vnis.len(), lab.len());
        prop_assert!(vnis.iter().all(|vni| vni.get() >= 4096));
    }

    #[test]
    fn no_host_has_two_machines_more_than_another(lab in labs(), hosts in 1u32..5) {
        let network = load(&file(&lab, hosts)).network.unwrap();
        let load_of = |host| network.virtual_machines.iter().filter(|vm| vm.host.0 == host).count();
        let loads: Vec<_> = (0..network.hosts.len()).map(load_of).collect();
        prop_assert!(loads.iter().max().unwrap() - loads.iter().min().unwrap() <= 1, "{loads:?}");
    }

    #[test]
    fn slips_of_the_pen_end_in_errors_or_a_network(slips in slips()) {
        let text = written_in_a_hurry(super::network::LAB, &slips);
        let said = problems(&text);
        prop_assert!(!said.contains("Incomplete"), "{said}\n{text}");
    }

    #[test]
    fn any_text_ends_in_errors_or_a_network(text in ".{0,200}") {
        let loaded = load(&text);
        prop_assert_eq!(loaded.network.is_none(), loaded.errors().next().is_some());
    }
}
