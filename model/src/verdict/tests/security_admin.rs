//! Security admin rules, before network security groups.

use super::*;

/// a1 and a2 under these admin rules and this group.
fn network(admin: &[(&str, &[&str])], nsg: &[&str]) -> Network {
    let builder = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .nsg("nsg", nsg)
        .subnet_nsg("a/default", "nsg")
        .vm("a1", "10.0.0.4")
        .vm("a2", "10.0.0.5");
    admin.iter().fold(builder, |builder, (name, rules)| builder.admin(name, &["a"], rules)).build()
}

fn asked(admin: &[(&str, &[&str])], nsg: &[&str]) -> String {
    said(&tcp(&network(admin, nsg), "a1", "a2", 80))
}

const DENY: [&str; 1] = ["100 Inbound Deny * * *"];

#[test]
fn s4_deny_drops_and_groups_never_see_it() {
    let answer = tcp(&network(&[("org", &["10 Inbound Deny Tcp * *:80"])], &[]), "a1", "a2", 80);
    assert_eq!(said(&answer), "Deny securityAdminRule org/rule-10 at a2 a1>a2");
    assert_eq!(answer.reason.unwrap().direction, Some(goal_state::nsg::Direction::Inbound));
    let at_a2 = answer.steps.iter().filter(|step| step.at == "a2").count();
    assert_eq!(at_a2, 1, "the group has no step");
}

#[test]
fn s4_allow_leaves_it_to_the_groups() {
    let allow: &[&str] = &["10 Inbound Allow Tcp * *:80"];
    assert_eq!(asked(&[("org", allow)], &[]), "Allow a1>a2");
    assert_eq!(asked(&[("org", allow)], &DENY), "Deny networkSecurityGroup nsg/rule-100 at a2 a1>a2");
}

#[test]
fn s4_always_allow_passes_the_groups_of_its_side_only() {
    let inbound: &[&str] = &["10 Inbound AlwaysAllow Tcp * *:80"];
    assert_eq!(asked(&[("org", inbound)], &DENY), "Allow a1>a2");
    let both = ["100 Inbound Deny * * *", "100 Outbound Deny * * *"];
    assert_eq!(asked(&[("org", inbound)], &both), "Deny networkSecurityGroup nsg/rule-100 at a1 a1");
    let two_sided: &[&str] = &["10 Inbound AlwaysAllow Tcp * *:80", "10 Outbound AlwaysAllow Tcp * *:80"];
    assert_eq!(asked(&[("org", two_sided)], &both), "Allow a1>a2");
}

#[test]
fn s4_no_match_goes_on_to_the_groups() {
    assert_eq!(
        asked(&[("org", &["10 Inbound Deny Tcp * *:22"])], &DENY),
        "Deny networkSecurityGroup nsg/rule-100 at a2 a1>a2"
    );
}

#[test]
fn s4_the_lowest_number_of_the_highest_scope_decides() {
    let allow: &[&str] = &["20 Inbound AlwaysAllow Tcp * *:80"];
    let deny: &[&str] = &["10 Inbound Deny * * *"];
    assert_eq!(asked(&[("high", allow), ("low", deny)], &[]), "Allow a1>a2");
    assert_eq!(
        asked(&[("high", deny), ("low", allow)], &[]),
        "Deny securityAdminRule high/rule-10 at a2 a1>a2"
    );
    // An Allow of the higher one ends admin evaluation, too.
    let weak: &[&str] = &["20 Inbound Allow Tcp * *:80"];
    assert_eq!(asked(&[("high", weak), ("low", deny)], &[]), "Allow a1>a2");
    let exception: &[&str] = &["10 Inbound Allow Tcp 10.0.0.4/32 *:80", "20 Inbound Deny * * *"];
    assert_eq!(asked(&[("org", exception)], &[]), "Allow a1>a2");
}

#[test]
fn s4_it_works_without_any_group() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .vm("a1", "10.0.0.4")
        .vm("a2", "10.0.0.5")
        .admin("org", &["a"], &["10 Outbound Deny Tcp * *:80"])
        .build();
    assert_eq!(said(&tcp(&network, "a1", "a2", 80)), "Deny securityAdminRule org/rule-10 at a1 a1");
    assert_eq!(said(&tcp(&network, "a1", "a2", 81)), "Allow a1>a2");
}
