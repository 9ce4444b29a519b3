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
