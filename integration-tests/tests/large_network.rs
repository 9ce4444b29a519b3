//! Twice the network takes twice the time: nothing in the model grows with the square of the file.

use std::time::Duration;

use goal_state::Generation;
use integration_tests::large::{Size, topology};
use integration_tests::proc::cpu_time;

const SMALL: Size = Size {
    hubs: 2,
    spokes_per_hub: 9,
    nics_per_vnet: 6,
    rules_per_group: 20,
    route_tables: 10,
    routes_per_table: 30,
};
const LARGE: Size = Size { hubs: 4 * SMALL.hubs, route_tables: 4 * SMALL.route_tables, ..SMALL };

#[test]
fn a_small_one_of_the_large_networks_is_valid_and_compiles() {
    let text = topology(SMALL);
    let loaded = model::validate::load(&text);
    assert_eq!(loaded.errors().next(), None);
    let network = loaded.network.unwrap();
    assert_eq!((network.virtual_networks.len(), network.nics().count()), (SMALL.vnets(), SMALL.nics()));
    assert_eq!(
        (network.network_security_groups.len(), network.route_tables.len()),
        (SMALL.groups(), SMALL.route_tables)
    );
    let goals = model::compile::compile(&network, Generation(1));
    let ports: usize = goals.iter().map(|goal| goal.virtual_machines.len()).sum();
    assert_eq!(ports, SMALL.nics());
    let ports = goals.iter().flat_map(|goal| &goal.virtual_machines).map(|vm| &vm.network_interfaces[0].port);
    assert!(ports.clone().all(|port| port.filter.inbound.len() == 2 && !port.routes.is_empty()));
    let groups: std::collections::HashSet<_> =
        ports.flat_map(|port| &port.filter.inbound).map(std::sync::Arc::as_ptr).collect();
    assert!(groups.len() < SMALL.nics() * 2, "NICs share groups");
}

/// Four times the network may take four times the processor time, and much more than that for whatever else the machine
/// does; a square would be sixteen times.
#[test]
fn four_times_the_network_does_not_take_nine_times_the_time() {
    let texts = [SMALL, LARGE].map(topology);
    let took = |text: &str| {
        let best = (0..5).map(|_| {
            let before = cpu_time();
            let network = model::validate::load(text).network.unwrap();
            let goals = model::compile::compile(&network, Generation(1));
            assert!(!goals.is_empty());
            cpu_time() - before
        });
        best.min().unwrap()
    };
    let [small, large] = texts.each_ref().map(|text| took(text));
    assert!(large < small.max(Duration::from_millis(20)) * 9, "{small:?}, {large:?}");
}
