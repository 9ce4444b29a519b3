//! Verdicts of the model beside packets that agree with them, and packets that do not.

use goal_state::event::{Event, FiveTuple};
use goal_state::nsg::Direction::{Inbound, Outbound};
use goal_state::probe::ProbeResult;
use model::effective::Policy;
use model::verdict::{IpProtocol, Question, explain};

use super::super::observation::tests::{dropped, observation, reply, seen};
use super::*;

/// web → nva → app: the app's group lets nothing in but port 80.
const TOPOLOGY: &str = "
name: proof
virtualNetworks:
  net:
    addressSpace: [10.0.0.0/16]
    subnets:
      web: {addressPrefix: 10.0.1.0/24, routeTable: by-nva}
      nva: {addressPrefix: 10.0.2.0/24}
      app: {addressPrefix: 10.0.3.0/24, networkSecurityGroup: nsg-app, routeTable: by-nva}
networkSecurityGroups:
  nsg-app:
    securityRules:
      allow-80: {priority: 100, direction: Inbound, access: Allow, protocol: Tcp, destinationPortRange: [80, 81]}
      deny: {priority: 200, direction: Inbound, access: Deny, protocol: '*'}
routeTables:
  by-nva: {routes: {all: {addressPrefix: 10.0.0.0/16, nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.2.4}}}
virtualMachines:
  web: {subnet: net/web, privateIPAddress: 10.0.1.4}
  nva: {subnet: net/nva, privateIPAddress: 10.0.2.4, enableIPForwarding: true, guest: {ipForwarding: true}}
  app: {subnet: net/app, privateIPAddress: 10.0.3.4, listen: [80/tcp]}
";

fn question(port: u16) -> Explanation {
    let loaded = crate::topology::from_text(TOPOLOGY, std::path::Path::new("proof.yaml")).unwrap();
    explain(&Policy::new(&loaded.network), &of_web_to_app(port)).unwrap()
}

fn of_web_to_app(port: u16) -> Question {
    Question {
        from: "web".into(),
        to: "app".into(),
        protocol: IpProtocol::TCP,
        port: Some(port),
        source_port: Some(50000),
        source_ip: None,
    }
}

fn packet(port: u16) -> FiveTuple {
    FiveTuple {
        protocol: 6,
        source: [10, 0, 1, 4].into(),
        source_port: 50000,
        destination: [10, 0, 3, 4].into(),
        destination_port: port,
    }
}

fn through_nva(packet: FiveTuple) -> Vec<Event> {
    vec![seen("web", Outbound, packet), seen("nva", Inbound, packet), seen("nva", Outbound, packet)]
}

fn judged(port: u16, events: &[Event], outcome: Option<ProbeOutcome>) -> Judgement {
    let mut seen = observation(packet(port), events);
    seen.result = outcome.map(|outcome| ProbeResult { source_port: 50000, outcome });
    judge(&[question(port)], &seen).unwrap().1
}

#[test]
fn an_answer_by_the_foretold_way_agrees() {
    let mut events = through_nva(packet(80));
    events.push(seen("app", Inbound, packet(80)));
    let judgement = judged(80, &events, Some(ProbeOutcome::Answered));
    assert_eq!(judgement.differences, [""; 0]);
    assert_eq!(judgement.proof, Proof { verdict: Access::Allow, agrees: true, observed: None });
    assert_eq!(judgement.path, ["web", "nva", "app"]);
}

#[test]
fn news_in_another_order_are_the_same_path() {
    let mut events = vec![seen("app", Inbound, packet(80))];
    events.extend(through_nva(packet(80)));
    assert_eq!(judged(80, &events, Some(ProbeOutcome::Answered)).path, ["web", "nva", "app"]);
}

#[test]
fn an_answer_by_another_way_disagrees() {
    let events = [seen("web", Outbound, packet(80)), seen("app", Inbound, packet(80))];
    let judgement = judged(80, &events, Some(ProbeOutcome::Answered));
    assert!(!judgement.proof.agrees);
    assert_eq!(
        judgement.differences,
        ["the port of nva/nic0, inbound was not crossed", "the port of nva/nic0, outbound was not crossed"]
    );
}

#[test]
fn the_foretold_rule_at_the_foretold_vm_agrees() {
    let mut events = through_nva(packet(22));
    events.push(dropped("app", Inbound, "deny", packet(22)));
    let judgement = judged(22, &events, None);
    assert_eq!(judgement.differences, [""; 0]);
    let observed = Observed { rule: Some("deny".into()), at: "app".into() };
    assert_eq!(judgement.proof, Proof { verdict: Access::Deny, agrees: true, observed: Some(observed) });
    assert_eq!(judgement.path, ["web", "nva", "app"]);
}

#[test]
fn another_rule_or_another_vm_disagrees() {
    let mut events = through_nva(packet(22));
    events.push(dropped("app", Inbound, "DenyAllInBound", packet(22)));
    assert_eq!(
        judged(22, &events, None).differences,
        ["the model's rule is deny, the packet's DenyAllInBound"]
    );

    let at_web = [dropped("web", Outbound, "deny", packet(22))];
    let differences = judged(22, &at_web, None).differences;
    assert!(
        differences.contains(&"the model says at app, the packet ended at web".to_owned()),
        "{differences:?}"
    );
}

#[test]
fn a_packet_that_vanishes_without_a_drop_disagrees() {
    let judgement = judged(22, &through_nva(packet(22)), Some(ProbeOutcome::Silent));
    assert_eq!(judgement.proof.verdict, Access::Deny);
    assert!(!judgement.proof.agrees);
}

#[test]
fn an_answer_where_the_model_denies_disagrees_and_so_does_a_dropped_reply() {
    let mut events = through_nva(packet(22));
    events.push(seen("app", Inbound, packet(22)));
    assert!(!judged(22, &events, Some(ProbeOutcome::Answered)).proof.agrees);

    let mut events = through_nva(packet(80));
    events.push(seen("app", Inbound, packet(80)));
    events.push(dropped("web", Inbound, "x", reply(packet(80))));
    let judgement = judged(80, &events, None);
    assert_eq!((judgement.proof.verdict, judgement.proof.agrees), (Access::Deny, false));
}

/// The port lets it in, and nobody listens there: the guest's own reset is the denial.
#[test]
fn a_refusal_is_a_denial_where_the_vm_lists_what_it_listens_on() {
    let mut events = through_nva(packet(81));
    events.push(seen("app", Inbound, packet(81)));
    let judgement = judged(81, &events, Some(ProbeOutcome::Refused));
    assert_eq!(judgement.differences, [""; 0]);
    assert_eq!(judgement.proof.observed, Some(Observed { rule: None, at: "app".into() }));
}

/// web → nva → web: a guest takes nothing that bears its own address as source, so the end is where it began.
#[test]
fn a_packet_that_comes_back_ends_at_its_sender() {
    const BACK: &str = "
name: back
virtualNetworks:
  net:
    addressSpace: [10.0.0.0/16]
    subnets:
      web: {addressPrefix: 10.0.1.0/24, routeTable: to-nva}
      nva: {addressPrefix: 10.0.2.0/24, routeTable: to-web}
      app: {addressPrefix: 10.0.3.0/24}
routeTables:
  to-nva: {routes: {all: {addressPrefix: 10.0.0.0/16, nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.2.4}}}
  to-web: {routes: {all: {addressPrefix: 10.0.0.0/16, nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.1.4}}}
virtualMachines:
  web: {subnet: net/web, privateIPAddress: 10.0.1.4, enableIPForwarding: true, guest: {ipForwarding: true}}
  nva: {subnet: net/nva, privateIPAddress: 10.0.2.4, enableIPForwarding: true, guest: {ipForwarding: true}}
  app: {subnet: net/app, privateIPAddress: 10.0.3.4}
";
    let loaded = crate::topology::from_text(BACK, std::path::Path::new("back.yaml")).unwrap();
    let explanation = explain(&Policy::new(&loaded.network), &of_web_to_app(80)).unwrap();
    let packet = explanation.evidence.packet;
    let mut events = through_nva(packet);
    events.push(seen("web", Inbound, packet));
    let mut observation = observation(packet, &events);
    observation.result = Some(ProbeResult { source_port: 50000, outcome: ProbeOutcome::Silent });
    let judgement = judge(std::slice::from_ref(&explanation), &observation).unwrap().1;
    assert_eq!(judgement.differences, [""; 0]);
    assert_eq!(judgement.path, ["web", "nva", "web"]);
}

/// The host of the receiver is quicker to tell than the appliance's.
#[test]
fn a_refusal_is_at_the_receiver_whoever_tells_last() {
    let mut events = vec![seen("app", Inbound, packet(81))];
    events.extend(through_nva(packet(81)));
    let judgement = judged(81, &events, Some(ProbeOutcome::Refused));
    assert_eq!(judgement.differences, [""; 0]);
}

#[test]
fn a_refusal_that_is_dropped_on_its_way_back_is_still_the_guests_denial() {
    let mut events = through_nva(packet(81));
    events.push(seen("app", Inbound, packet(81)));
    events.push(dropped("web", Inbound, "x", reply(packet(81))));
    let judgement = judged(81, &events, Some(ProbeOutcome::Silent));
    assert_eq!(judgement.differences, [""; 0]);
    assert_eq!(judgement.proof.observed, Some(Observed { rule: None, at: "app".into() }));
}

/// Another VM has the address in the asker's virtual network. What becomes of its answer is of no matter.
#[test]
fn an_answer_of_another_that_is_dropped_on_its_way_back_is_no_denial() {
    const TWINS: &str = "
name: twins
virtualNetworks:
  net: {addressSpace: [10.0.0.0/16], subnets: {s: {addressPrefix: 10.0.1.0/24}}}
  twin: {addressSpace: [10.0.0.0/16], subnets: {s: {addressPrefix: 10.0.1.0/24}}}
virtualMachines:
  web: {subnet: net/s, privateIPAddress: 10.0.1.4}
  namesake: {subnet: net/s, privateIPAddress: 10.0.1.5}
  app: {subnet: twin/s, privateIPAddress: 10.0.1.5}
";
    let loaded = crate::topology::from_text(TWINS, std::path::Path::new("twins.yaml")).unwrap();
    let explanation = explain(&Policy::new(&loaded.network), &of_web_to_app(80)).unwrap();
    let packet = explanation.evidence.packet;
    let events = [
        seen("web", Outbound, packet),
        seen("namesake", Inbound, packet),
        dropped("namesake", Outbound, "x", reply(packet)),
    ];
    let mut observation = observation(packet, &events);
    observation.result = Some(ProbeResult { source_port: 50000, outcome: ProbeOutcome::Silent });
    let judgement = judge(std::slice::from_ref(&explanation), &observation).unwrap().1;
    assert_eq!(judgement.differences, [""; 0]);
    assert_eq!(judgement.proof.observed, Some(Observed { rule: None, at: "namesake".into() }));
}

#[test]
fn a_probe_that_could_not_be_sent_proves_nothing() {
    let mut seen = observation(packet(80), &[]);
    let outcome = ProbeOutcome::Failed { error: "no such VM".into() };
    seen.result = Some(ProbeResult { source_port: 0, outcome });
    assert_eq!(judge(&[question(80)], &seen), Err("no such VM".to_owned()));
}

/// Linux opens no TCP connection to many, so the port that would have dropped the packet does not see it.
#[test]
fn a_connection_that_no_guest_opens_proves_nothing() {
    let loaded = crate::topology::from_text(TOPOLOGY, std::path::Path::new("proof.yaml")).unwrap();
    let to_many = Question {
        from: "web".into(),
        to: "10.0.1.255".into(),
        protocol: IpProtocol::TCP,
        port: Some(80),
        source_port: Some(50000),
        source_ip: None,
    };
    let explanation = explain(&Policy::new(&loaded.network), &to_many).unwrap();
    let mut seen = observation(explanation.evidence.packet, &[]);
    let outcome = ProbeOutcome::Unreachable { error: "Network is unreachable".into() };
    seen.result = Some(ProbeResult { source_port: 50000, outcome });
    let refused = judge(std::slice::from_ref(&explanation), &seen).unwrap_err();
    assert!(refused.contains("no TCP connection to 10.0.1.255"), "{refused}");
}
