//! Random networks: every question has an answer, every Deny a reason, and the goal states carry each packet to where
//! the verdict says.

use proptest::prelude::*;

use super::switch::{Crosses, Fate, Switch};
use super::*;
use crate::compile::compile;
use crate::effective::FlowEncryption;
use crate::network::PeeringScope;
use crate::network::vnet::EncryptionEnforcement;

const VMS: usize = 6;

/// Choices from a random text; 0, the plainest one, when it is used up. Shorter and smaller texts are simpler networks.
struct Dice<'a>(std::slice::Iter<'a, u8>);

impl Dice<'_> {
    fn below(&mut self, sides: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % sides
    }

    fn one<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.below(texts.len())]
    }

    /// One in four.
    fn seldom(&mut self) -> bool {
        self.below(4) == 3
    }

    /// One in eight.
    fn rarely(&mut self) -> bool {
        self.below(8) == 7
    }
}

fn vnet_name(number: usize) -> String {
    format!("v{number}")
}

/// VM `number` lives in virtual network `number % 3`; its first address ends in 4 or 5.
fn address(number: usize, subnet: usize) -> String {
    format!("10.{}.{subnet}.{}", number % 3, 4 + number)
}

/// Three virtual networks of two subnets and two VMs each, with whatever peerings, groups, routes and appliances.
fn network(dice: &mut Dice<'_>) -> Network {
    let mut builder = NetworkBuilder::new();
    for number in 0..3 {
        let name = vnet_name(number);
        builder = builder.vnet_with(&name, &[&format!("10.{number}.0.0/16")]);
        for subnet in 0..2 {
            builder = builder.subnet(&name, &format!("s{subnet}"), &format!("10.{number}.{subnet}.0/24"));
        }
    }
    builder = peerings(builder, dice);
    builder = tables(builder, dice);
    builder = groups(builder, dice);
    builder = admin(builder, dice);
    for number in 0..VMS {
        builder = machine(builder, dice, number);
    }
    let mut network = builder.build();
    encryption(&mut network, dice);
    network
}

/// On two of three networks or so, and seldom enforced; the hub's appliance cannot, at times. The last thing drawn, so that what a
/// text means without it stays.
fn encryption(network: &mut Network, dice: &mut Dice<'_>) {
    for vnet in &mut network.virtual_networks {
        vnet.encryption = match dice.below(8) {
            0..3 => None,
            3..7 => Some(EncryptionEnforcement::AllowUnencrypted),
            _ => Some(EncryptionEnforcement::DropUnencrypted),
        };
    }
    for vm in &mut network.virtual_machines {
        if dice.rarely() {
            vm.size = "Standard_B2s".to_owned();
        }
        for nic in &mut vm.nics {
            nic.enable_accelerated_networking = !dice.rarely();
        }
    }
}

/// v1 is a hub for the others, more often than not. Seldom, only the first subnets take part.
fn peerings(mut builder: NetworkBuilder, dice: &mut Dice<'_>) -> NetworkBuilder {
    let scope = if dice.seldom() {
        PeeringScope::Subnets { local: vec![0], remote: vec![0] }
    } else {
        PeeringScope::CompleteVnets
    };
    for (from, to) in [(0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0)] {
        let hub = from == 1 || to == 1;
        if hub != dice.rarely() {
            let (access, forwarded) = (!dice.rarely(), !dice.rarely());
            builder = builder.link(&vnet_name(from), &vnet_name(to), |link| {
                link.allow_virtual_network_access = access;
                link.allow_forwarded_traffic = forwarded;
                link.scope = scope.clone();
            });
        }
    }
    builder
}

fn groups(mut builder: NetworkBuilder, dice: &mut Dice<'_>) -> NetworkBuilder {
    const WHO: [&str; 7] =
        ["*", "VirtualNetwork", "Internet", "10.0.0.0/16", "10.1.0.0/24", "10.2.0.8/32", "10.0.0.0/8"];
    for name in ["g0", "g1"] {
        let rules: Vec<_> = (0..dice.below(4))
            .map(|position| {
                let direction = dice.one(&["Inbound", "Outbound"]);
                let access = dice.one(&["Allow", "Deny"]);
                let protocol = dice.one(&["*", "Tcp", "Udp", "Icmp"]);
                let (from, to) = (dice.one(&WHO), dice.one(&WHO));
                let ports = dice.one(&["0-65535", "80", "22-443"]);
                format!("{} {direction} {access} {protocol} {from} {to}:{ports}", 100 + position)
            })
            .collect();
        builder = builder.nsg(name, &rules.iter().map(String::as_str).collect::<Vec<_>>());
    }
    for subnet in ["v0/s0", "v1/s0", "v2/s0"] {
        if dice.seldom() {
            builder = builder.subnet_nsg(subnet, dice.one(&["g0", "g1"]));
        }
    }
    builder
}

/// Seldom: admin rules of two scopes.
fn admin(mut builder: NetworkBuilder, dice: &mut Dice<'_>) -> NetworkBuilder {
    for name in ["high", "low"] {
        if !dice.seldom() {
            continue;
        }
        let rules: Vec<_> = (0..1 + dice.below(3))
            .map(|position| {
                let direction = dice.one(&["Inbound", "Outbound"]);
                let access = dice.one(&["Allow", "AlwaysAllow", "Deny"]);
                let protocol = dice.one(&["*", "Tcp", "Icmp"]);
                let (from, to) = (dice.one(&["*", "10.0.0.0/16"]), dice.one(&["*", "10.1.0.0/16"]));
                let ports = dice.one(&["0-65535", "80"]);
                format!("{} {direction} {access} {protocol} {from} {to}:{ports}", 10 + position)
            })
            .collect();
        let rules: Vec<_> = rules.iter().map(String::as_str).collect();
        builder = builder.admin(name, &[dice.one(&["v0", "v1", "v2"]), "v1"], &rules);
    }
    builder
}

/// Routes lead to the hub's VMs, more often than not.
fn tables(mut builder: NetworkBuilder, dice: &mut Dice<'_>) -> NetworkBuilder {
    const TO: [&str; 7] = [
        "0.0.0.0/0",
        "10.0.0.0/16",
        "10.2.0.0/16",
        "10.1.0.0/16",
        "10.1.1.0/24",
        "10.2.0.8/32",
        "10.0.0.0/8",
    ];
    for name in ["t0", "t1"] {
        let mut prefixes = std::collections::BTreeMap::new();
        for _ in 0..1 + dice.below(3) {
            let hop = match dice.below(17) {
                0..6 => address(1, 0),
                6..9 => address(4, 0),
                number @ 9..12 => address(number - 9, 0),
                12 => "None".to_owned(),
                13 => "VnetLocal".to_owned(),
                14 => format!("{},{}", address(1, 0), address(4, 0)),
                15 => {
                    let first = dice.below(VMS);
                    let second = (first + 1 + dice.below(VMS - 1)) % VMS;
                    format!("{},{}", address(first, 0), address(second, 0))
                }
                _ => "10.1.0.99".to_owned(),
            };
            prefixes.insert(dice.one(&TO), hop);
        }
        let routes: Vec<_> = prefixes.iter().map(|(to, hop)| format!("r{} {to} {hop}", to.len())).collect();
        builder = builder.route_table(name, &routes.iter().map(String::as_str).collect::<Vec<_>>());
    }
    for subnet in ["v0/s0", "v2/s0", "v0/s1", "v2/s1"] {
        if !dice.seldom() {
            builder = builder.subnet_routes(subnet, dice.one(&["t0", "t1"]));
        }
    }
    if dice.seldom() { builder.subnet_routes("v1/s0", "t1") } else { builder }
}

fn machine(builder: NetworkBuilder, dice: &mut Dice<'_>, number: usize) -> NetworkBuilder {
    let mut addresses = vec![address(number, 0)];
    if dice.seldom() {
        addresses.push(address(number, 1));
    }
    let in_hub = number % 3 == 1;
    let (forwarding, guest, masquerade) = (dice.rarely() != in_hub, !dice.rarely(), dice.seldom());
    let group = dice.seldom().then(|| builder.nsg_id("g1"));
    let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
    builder.vm_with(&format!("m{number}"), &addresses, |vm| {
        vm.guest_ip_forwarding = forwarding && guest;
        vm.guest_masquerade = masquerade;
        for nic in &mut vm.nics {
            nic.enable_ip_forwarding = forwarding;
            nic.nsg = group;
        }
    })
}

/// What the switch makes of a packet is what the journey made of it.
fn agree(fate: &Fate, loops: bool, reason: Option<&Reason>, arrived: bool) -> Result<(), String> {
    match (fate, reason) {
        (Fate::Arrived(..), None) if arrived => Ok(()),
        (Fate::Circled, Some(_)) if loops => Ok(()),
        (Fate::Dropped(dropped), Some(reason)) if *dropped == reason.layer => Ok(()),
        _ => Err(format!("{fate:?} is not {reason:?}")),
    }
}

fn same_way(fate: &Fate, crossed: &[String], foretold: &[Crossing]) -> Result<(), String> {
    let foretold: Vec<_> = foretold.iter().map(|c| format!("{} {}", c.nic, c.direction)).collect();
    if *fate == Fate::Circled || crossed == foretold {
        Ok(())
    } else {
        Err(format!("{crossed:?} is not {foretold:?}"))
    }
}

/// Whether what a flow log would say is what the first packet met. What circles is said once, and met often.
fn encrypted_alike(stretches: &[Crosses], answer: &Explanation, circled: bool) -> Result<(), String> {
    let refused = answer.received.is_none()
        && answer.reason.as_ref().is_some_and(|reason| reason.layer == DropReason::Encryption);
    let Some(said) = answer.encryption else { return Ok(()) };
    let agrees = match said {
        FlowEncryption::Encrypted => {
            !stretches.is_empty() && stretches.iter().all(|met| *met == Crosses::Encrypted)
        }
        FlowEncryption::NotAccepted | FlowEncryption::NotSupported => {
            refused && stretches.iter().all(|met| *met == Crosses::Encrypted)
        }
        FlowEncryption::LocalDestination => {
            stretches.iter().find(|met| **met != Crosses::Encrypted) == Some(&Crosses::Nothing)
        }
        FlowEncryption::NotConfigured | FlowEncryption::HardwareNotSupported | FlowEncryption::Fallback => {
            stretches.is_empty() || stretches.iter().any(|met| *met != Crosses::Encrypted)
        }
    };
    if agrees || circled { Ok(()) } else { Err(format!("{stretches:?} is not {said}")) }
}

/// Whether the goal states carry the packet and its reply to where `answer` says, when every port takes `pick` of several
/// appliances.
fn follows(network: &Network, answer: &Explanation, pick: usize) -> Result<(), String> {
    let sent = &answer.evidence.packet;
    let packet = Packet {
        protocol: answer.protocol,
        source: sent.source,
        source_port: sent.source_port,
        destination: sent.destination,
        destination_port: sent.destination_port,
    };
    let mut switch = Switch::new(compile(network, goal_state::Generation(1)), pick);
    let fate = switch.carry(&answer.from, packet);
    same_way(&fate, &switch.crossings, &answer.evidence.crossings)?;
    encrypted_alike(&switch.stretches, answer, fate == Fate::Circled)?;
    let Some(reply) = &answer.reply else {
        return agree(&fate, answer.evidence.loops, answer.reason.as_ref(), false);
    };
    let Fate::Arrived(at, arrived) = fate else { return Err(format!("{fate:?}, not {:?}", answer.received)) };
    if Some(&at) != answer.path.last() {
        return Err(format!("{at}, not {:?}", answer.path));
    }
    switch.reply = true;
    let mut fate = switch.carry(&at, arrived.reversed());
    if let Fate::Arrived(back, returned) = &fate
        && (*back != answer.from || *returned != packet.reversed())
    {
        fate = Fate::Dropped(DropReason::Guest);
    }
    agree(&fate, answer.evidence.loops, reply.reason.as_ref(), reply.received.is_some())?;
    same_way(&fate, &switch.crossings, &answer.evidence.reply_crossings)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whichever of several appliances the ports take, the packet's fate is one of those that the model knows.
    #[test]
    fn goal_states_carry_packets_to_where_a_verdict_says(
        text in proptest::collection::vec(any::<u8>(), 0..200),
        from in 0..VMS, to in 0..VMS, pick in 0..2_usize,
        protocol in prop_oneof![Just(IpProtocol::TCP), Just(IpProtocol::UDP), Just(IpProtocol::ICMP)],
        port in prop_oneof![Just(80_u16), Just(443), Just(5000)],
    ) {
        let network = network(&mut Dice(text.iter()));
        let (from, to) = (format!("m{from}"), format!("m{to}"));
        let question =
            Question { from: from.clone(), to, protocol, port: Some(port), source_port: None, source_ip: None };
        let answers = explain_all(&Policy::new(&network), &question).unwrap();
        for answer in &answers {
            prop_assert_eq!(answer.verdict == Access::Deny, answer.reason.is_some());
            prop_assert_eq!(answer.received.is_some(), answer.reply.is_some());
            prop_assert_eq!(answer.path.first(), Some(&from));
            prop_assert_eq!(answer.evidence.not_carried.as_deref(), None);
        }
        let refutations: Vec<_> =
            answers.iter().map_while(|answer| follows(&network, answer, pick).err()).collect();
        prop_assert!(refutations.len() < answers.len() || answers.len() == MAX_WALKS, "{:?}", refutations);
    }
}
