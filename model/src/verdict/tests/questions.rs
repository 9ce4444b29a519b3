//! Questions that cannot be asked, and what an answer always has.

use super::*;
use crate::effective::FlowEncryption;

#[test]
fn questions_that_name_nobody_say_who_was_meant() {
    let network = NetworkBuilder::new()
        .vnet("red", "10.0.0.0/16")
        .vnet("blue", "10.0.0.0/16")
        .vm_with("web1", &["red/10.0.0.4"], |_| {})
        .vm_with("web2", &["blue/10.0.0.4"], |_| {})
        .build();
    let refused = |from: &str, to: &str, port: Option<u16>| {
        let (from, to) = (from.to_owned(), to.to_owned());
        let protocol = IpProtocol::TCP;
        let question = Question { from, to, protocol, port, source_port: None, source_ip: None };
        explain(&Policy::new(&network), &question).unwrap_err().to_string()
    };
    let port = Some(80);
    assert_eq!(refused("web", "web1", port), "there is no virtual machine web; did you mean web1?");
    assert_eq!(
        refused("web1/nic9", "web1", port),
        "virtual machine web1 has no network interface nic9; did you mean nic0?"
    );
    assert_eq!(refused("web1", "zzz", port), "there is no virtual machine zzz");
    assert_eq!(refused("web1", "web2", None), "Tcp needs a destination port");
    assert_eq!(
        refused("10.9.9.9", "web1", port),
        "nobody sends from the address 10.9.9.9: no virtual machine, machine on premises, service or internet host has it"
    );
    assert_eq!(
        refused("10.0.0.4", "web1", port),
        "several machines have the address 10.0.0.4: web1, web2; name the one you mean"
    );
    assert_eq!(
        refused("168.63.129.16", "10.9.9.9", port),
        "health probes from 168.63.129.16 go to one virtual machine, and 10.9.9.9 is not one's; name it"
    );
    assert_eq!(refused("internet/client", "web1", port), "there is no internet host client");
    assert_eq!(refused("web1", "seoul/erp", port), "there is no virtual machine seoul");
}

#[test]
fn every_allowed_answer_has_its_reply_and_every_denied_one_a_reason() {
    let network = hub_and_spokes().nva("nva", &["10.0.0.4"]).build();
    let answer = ping(&network, "web1", "db1");
    assert_eq!((answer.verdict, answer.encryption), (Access::Allow, Some(FlowEncryption::NotConfigured)));
    assert_eq!(answer.reply.unwrap().path, ["db1", "nva", "web1"]);
}
