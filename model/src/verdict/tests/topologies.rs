//! The labs that come with the product: what their own tests expect is what the model says.

use super::*;

/// Whether `wanted` stand in `path` in this order.
fn passes(path: &[String], wanted: &[String]) -> bool {
    let mut path = path.iter();
    wanted.iter().all(|name| path.any(|at| at == name))
}

/// Every expectation that the model does not share.
fn surprises(text: &str) -> Vec<String> {
    let loaded = crate::validate::load(text);
    let network = loaded.network.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    assert!(!network.tests.is_empty());
    let tests = network.tests.iter().filter_map(|test| {
        let protocol = IpProtocol::of(test.protocol).unwrap();
        let answer = ask(&network, &test.from, &test.to, protocol, test.port);
        let rule = answer.reason.as_ref().and_then(|reason| reason.rule.as_ref());
        let as_expected = answer.verdict == test.expect
            && test.rule.as_ref().is_none_or(|wanted| rule == Some(wanted))
            && passes(&answer.path, &test.via);
        (!as_expected).then(|| format!("line {}: {}", test.line, said(&answer)))
    });
    tests.collect()
}

#[test]
fn the_labs_that_come_along_behave_as_they_say() {
    let labs = [
        include_str!("../../../../topologies/hub-spoke.yaml"),
        include_str!("../../../../topologies/three-tier.yaml"),
        include_str!("../../../../topologies/non-transitive.yaml"),
        include_str!("../../../../topologies/overlapping.yaml"),
        include_str!("../../../../topologies/routing-overview.yaml"),
        include_str!("../../../../topologies/accelerated.yaml"),
        include_str!("../../../../topologies/encrypted.yaml"),
        include_str!("../../../../topologies/internet-and-nat.yaml"),
        include_str!("../../../../topologies/load-balancer.yaml"),
        include_str!("../../../../topologies/private-link.yaml"),
        include_str!("../../../../topologies/snat-exhaustion.yaml"),
        include_str!("../../../../topologies/firewall-egress.yaml"),
    ];
    for lab in labs {
        assert_eq!(surprises(lab), Vec::<String>::new(), "{}", lab.lines().next().unwrap());
    }
}
