//! Application security groups and their members.

use super::*;

#[test]
fn s3_5_members_are_in_one_virtual_network() {
    const FILE: &str = "applicationSecurityGroups: [web]";
    check(
        &|inner| format!("{TWO}{FILE}\n{}", machines(inner)),
        &[(
            "a: {subnet: hub/web, applicationSecurityGroups: [web]}, b: {subnet: spoke/app, applicationSecurityGroups: [web]}",
            "error ApplicationSecurityGroupNetwork: application security group `web` has members in `hub` and `spoke`; all members are in the virtual network of the first one, `hub`",
        )],
    );
}

#[test]
fn s3_5_both_sides_of_a_rule_are_in_one_virtual_network() {
    const FILE: &str = "applicationSecurityGroups: [web, app]
virtualMachines: {a: {subnet: hub/web, applicationSecurityGroups: [web]}, b: {subnet: spoke/app, applicationSecurityGroups: [app]}}";
    check(
        &|inner| format!("{TWO}{FILE}\n{}", rule(inner)),
        &[
            (
                "sourceApplicationSecurityGroups: [web], destinationApplicationSecurityGroups: [app]",
                "error ApplicationSecurityGroupNetwork: rule `r` names `web`, with members in `hub`, and `app`, in `spoke`; when both sides of a rule name groups, all their members are in one virtual network",
            ),
            ("sourceApplicationSecurityGroups: [web]", ""),
        ],
    );
}

#[test]
fn s3_5_a_rule_with_an_empty_group_matches_nothing() {
    const FILE: &str = "applicationSecurityGroups: [web]";
    check(
        &|inner| format!("{HUB}{FILE}\n{}", rule(inner)),
        &[(
            "sourceApplicationSecurityGroups: [web]",
            "warning ApplicationSecurityGroupEmpty: rule `r` names application security group `web`, which has no members; make a network interface a member of it, or leave the rule out",
        )],
    );
}

/// azure-docs#77328: such a rule failed to match at all.
#[test]
fn s3_5_an_empty_group_beside_another_is_a_warning_of_its_own() {
    const FILE: &str = "applicationSecurityGroups: [web, empty]
virtualMachines: {a: {subnet: hub/web, applicationSecurityGroups: [web]}}";
    check(
        &|inner| format!("{HUB}{FILE}\n{}", rule(inner)),
        &[(
            "sourceApplicationSecurityGroups: [web, empty]",
            "warning ApplicationSecurityGroupEmpty: rule `r` names application security group `empty`, which has no members; make a network interface a member of it, or leave it out: Azure was seen to ignore a rule that names it beside another one",
        )],
    );
}

#[test]
fn s3_5_at_most_10_groups_on_a_side_and_20_per_interface() {
    let groups = |count: usize| (0..count).map(|n| format!("g{n}")).collect::<Vec<_>>().join(", ");
    let file = |of_rule: usize, of_nic: usize| {
        format!(
            "{HUB}applicationSecurityGroups: [{}]\nvirtualMachines: {{a: {{subnet: hub/web, applicationSecurityGroups: [{}]}}}}\n{}",
            groups(21),
            groups(of_nic),
            rule(&format!("sourceApplicationSecurityGroups: [{}]", groups(of_rule)))
        )
    };
    check(
        &lab,
        &[
            (&file(10, 20), ""),
            (
                &file(11, 20),
                "error LimitExceeded: there are 11 source application security groups of rule `r`; at most 10 are allowed; leave 1 out",
            ),
            (
                &file(10, 21),
                "error LimitExceeded: there are 21 application security groups of `a/nic0`; at most 20 are allowed; leave 1 out",
            ),
        ],
    );
}
