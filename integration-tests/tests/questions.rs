//! Network Watcher's questions: a running lab answers what its file does.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use integration_tests::{Lab, User, topologies};

const QUESTIONS: &[&str] = &[
    "test-ip-flow web1 --direction Inbound --protocol TCP --local 10.1.1.4:80 --remote 10.2.1.4:50000",
    "test-ip-flow web1 --direction Inbound --protocol TCP --local 10.1.1.4:23 --remote 10.2.1.4:50000",
    "show-next-hop web1 --dest-ip 10.2.1.4",
    "show-effective-routes web1",
    "show-effective-routes hub/GatewaySubnet",
    "list-effective-nsg app1",
    "run-nsg-diagnostics app1 --direction Inbound --protocol Any --source 10.1.0.0/16 --destination 10.2.1.4",
    "list-peerings",
    "show-next-hop nobody --dest-ip 10.2.1.4",
];

fn a_lab_answers_what_its_file_does(user: User) {
    let lab = Lab::shipped(user, "hub-spoke");
    let file = lab.bench().write("the-same.yaml", &topologies::text("hub-spoke"));
    let file = file.to_string_lossy();
    for question in QUESTIONS {
        let words: Vec<&str> = question.split(' ').chain(["-o", "json"]).collect();
        let of_lab = lab.vnetlab(&[&words[..], &["-l", lab.name()]].concat());
        let of_file = lab.vnetlab(&[&words[..], &["-f", &file]].concat());
        assert_eq!((of_lab.status, &of_lab.stdout), (of_file.status, &of_file.stdout), "{question}");
        assert_eq!(of_lab.stdout.is_empty(), of_lab.status == Some(2), "{of_lab}");
    }
}

#[test]
fn a_lab_answers_what_its_file_does_as_root() {
    a_lab_answers_what_its_file_does(User::Root);
}

#[test]
fn a_lab_answers_what_its_file_does_rootless() {
    a_lab_answers_what_its_file_does(User::Ordinary);
}
