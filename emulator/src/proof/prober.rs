//! Sends probes into a running lab, many at a time, and gathers what is seen of each.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use goal_state::event::{Event, FiveTuple};
use goal_state::nsg::{Direction, Protocol};
use goal_state::probe::{Answerer, Probe, ProbeOutcome, ProbeResult};
use goal_state::vm::Transport;
use goal_state::{NicId, VmName};
use model::network::Network;
use model::verdict::{Explanation, Form, IpProtocol};

use super::Observation;
use super::flow::Flow;
use super::judgement::agrees;
use super::names::Names;
use crate::controller::client::Client;
use crate::controller::protocol::{Request, Response};
use crate::lab::Folder;
use crate::refusal::refuse;

/// How long a probe waits for an answer: time for an ARP question to be asked twice, and for a SYN to be sent twice.
const PATIENCE: Duration = Duration::from_millis(2500);
/// How long to wait for an agent's word after that.
pub(super) const AGENT_PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait for the news of the way, once the packet's fate is known. Only a packet that goes another way than
/// foretold makes us wait that long.
const NEWS: Duration = Duration::from_secs(1);
/// Probes at a time. More would make the packets of one the delay of another.
pub(super) const AT_A_TIME: usize = 32;

/// A source of probes. Each has a source port (or an ICMP identifier) of its own, so that they can be told apart and no
/// port knows their flow from before.
pub(crate) struct Prober {
    pub(super) client: Client,
    next_port: u16,
}

/// A probe on its way.
struct Underway<'e> {
    position: usize,
    explanations: &'e [Explanation],
    observation: Observation,
    /// When to wait no longer.
    deadline: Instant,
}

impl Prober {
    /// Connects to a running lab.
    ///
    /// # Errors
    /// When its controller does not answer.
    pub(crate) fn connect(folder: &Folder) -> Result<Self> {
        let mut client = Client::connect(folder)?;
        match client.ask(Request::Events)? {
            Response::Events => {}
            other => bail!("the controller answers {other:?}"),
        }
        Ok(Self { client, next_port: dynamic_port(RandomState::new().build_hasher().finish()) })
    }

    /// A source port that no other probe of this prober has. The model must be asked with the same one, for rules may
    /// look at it.
    pub(crate) fn source_port(&mut self) -> u16 {
        let port = self.next_port;
        self.next_port = dynamic_port(u64::from(port - FIRST_PORT) + 1);
        port
    }

    /// Sends the packet of each question, which is given by the model's answers to it: one for every choice among equal ways.
    /// What was seen of each, in their order.
    ///
    /// # Errors
    /// When the controller goes away, or a packet is none that a VM can be made to send.
    pub(crate) fn probe(
        &mut self,
        network: &Network,
        questions: &[&[Explanation]],
    ) -> Result<Vec<Observation>> {
        let names = Arc::new(Names::of(network));
        let mut waiting = questions.iter().enumerate();
        let mut underway: BTreeMap<u64, Underway<'_>> = BTreeMap::new();
        let mut done: BTreeMap<usize, Observation> = BTreeMap::new();
        loop {
            while underway.len() < AT_A_TIME
                && let Some((position, explanations)) = waiting.next()
            {
                underway.insert(position as u64, self.send(network, &names, position, explanations)?);
            }
            let Some(first) = underway.values().map(|probe| probe.deadline).min() else { break };
            if let Some(response) = self.client.receive_until(Some(first))? {
                hear(&mut underway, response)?;
            }
            let now = Instant::now();
            for (_, probe) in underway.extract_if(.., |_, probe| probe.is_over(now)) {
                done.insert(probe.position, probe.finish());
            }
        }
        Ok(done.into_values().collect())
    }

    fn send<'e>(
        &mut self,
        network: &Network,
        names: &Arc<Names>,
        position: usize,
        explanations: &'e [Explanation],
    ) -> Result<Underway<'e>> {
        let explanation = explanations.first().ok_or_else(|| anyhow!("the model has no answer"))?;
        let packet = explanation.evidence.packet;
        let probe = probe_of(explanation)?;
        let answerers = answerers(network, explanations);
        self.client.send(Request::Probe { id: position as u64, probe, answerers })?;
        let flow = Flow {
            packet,
            askers: explanations.iter().flat_map(askers).collect(),
            nobody_at: explanations.iter().filter_map(|explanation| explanation.evidence.nobody_at).collect(),
            repliers: explanations.iter().flat_map(repliers).collect(),
            forms: forms(explanations),
            names: Arc::clone(names),
        };
        let observation = Observation::of(flow);
        Ok(Underway {
            position,
            explanations,
            observation,
            deadline: Instant::now() + PATIENCE + AGENT_PATIENCE,
        })
    }
}

/// Takes a response to where it belongs.
fn hear(underway: &mut BTreeMap<u64, Underway<'_>>, response: Response) -> Result<()> {
    match response {
        Response::Event { event, .. } => {
            let owner = packet(&event).and_then(|packet| sure_owner(underway, packet));
            let meant = underway.iter_mut().filter(|(id, _)| owner.is_none_or(|owner| owner == **id));
            for (_, probe) in meant {
                let undecided = !probe.observation.is_decided();
                probe.observation.note(&event);
                probe.wait_for_news_if(undecided);
            }
        }
        Response::Probed { id, result } => {
            // One that was dropped is not waited for; its silence comes later.
            if let Some(probe) = underway.get_mut(&id) {
                let undecided = !probe.observation.is_decided();
                probe.observation.result = Some(result);
                probe.wait_for_news_if(undecided);
            }
        }
        Response::Error { message } => bail!(message),
        other => bail!("the controller answers {other:?}"),
    }
    Ok(())
}

/// The packet that an event is about; none where it tells addresses only, or of no packet.
fn packet(event: &Event) -> Option<&FiveTuple> {
    match event {
        Event::Seen(seen) => Some(&seen.packet),
        Event::Drop(drop) => Some(&drop.packet).filter(|packet| packet.protocol != 0),
        Event::DataPath(_) | Event::Lost { .. } => None,
    }
}

/// Whose packet it is, when a probe has its source port. Where somebody translates, it may be that of several.
fn sure_owner(underway: &BTreeMap<u64, Underway<'_>>, packet: &FiveTuple) -> Option<u64> {
    let mut probes = underway.iter();
    probes.find(|(_, probe)| probe.observation.flow().is_surely_own(packet)).map(|(id, _)| *id)
}

impl Underway<'_> {
    /// Once the fate is known, only the news of the way is waited for.
    fn wait_for_news_if(&mut self, was_undecided: bool) {
        if was_undecided && self.observation.is_decided() {
            self.deadline = self.deadline.min(Instant::now() + NEWS);
        }
    }

    fn is_over(&self, now: Instant) -> bool {
        // Of several ways, a shorter one is seen before a longer one that the packet has really taken. And an ICMP error may be here before the
        // news of the drop that it tells of.
        let is_told = |explanation: &Explanation| {
            self.observation.is_complete(&explanation.evidence.crossings)
                && agrees(explanation, &self.observation)
        };
        self.explanations.iter().any(is_told) || now >= self.deadline
    }

    fn finish(mut self) -> Observation {
        if !self.observation.is_decided() {
            let error = "the agent of the sender's host does not answer".to_owned();
            let first = self.explanations.first();
            let source_port = first.map_or(0, |first| first.evidence.packet.source_port);
            self.observation.result =
                Some(ProbeResult { source_port, outcome: ProbeOutcome::Failed { error } });
        }
        self.observation
    }
}

/// The packet that the explanation is about.
///
/// # Errors
/// When no VM can be made to send it.
pub(super) fn probe_of(explanation: &Explanation) -> Result<Probe> {
    let packet = explanation.evidence.packet;
    let sender = explanation.evidence.sender.clone();
    Ok(Probe {
        vm: sender.ok_or_else(|| refuse(anyhow!("only a VM can be made to send a packet")))?,
        source: packet.source,
        destination: packet.destination,
        protocol: sendable(explanation.protocol)?,
        port: packet.destination_port,
        source_port: packet.source_port,
        timeout_ms: u32::try_from(PATIENCE.as_millis())?,
        follow_up: 0,
    })
}

/// The protocol as a VM can be made to send it.
fn sendable(protocol: IpProtocol) -> Result<Protocol> {
    match protocol {
        IpProtocol::TCP => Ok(Protocol::Tcp),
        IpProtocol::UDP => Ok(Protocol::Udp),
        IpProtocol::ICMP => Ok(Protocol::Icmp),
        other => Err(refuse(anyhow!(
            "a packet of protocol {other} cannot be sent as proof: ask about Tcp, Udp or Icmp"
        ))),
    }
}

/// Who is to answer, whichever of equal ways the packet takes.
pub(super) fn answerers(network: &Network, explanations: &[Explanation]) -> Vec<Answerer> {
    let mut answerers: Vec<Answerer> = Vec::new();
    for answerer in explanations.iter().filter_map(|explanation| answerer(network, explanation)) {
        if !answerers.contains(&answerer) {
            answerers.push(answerer);
        }
    }
    answerers
}

/// The VM that gets the packet, unless it has a list of the ports that it listens on, which counts. An echo request is answered by every
/// guest, and those outside answer by themselves.
fn answerer(network: &Network, explanation: &Explanation) -> Option<Answerer> {
    let arrived = explanation.evidence.arrived?;
    let receiver = network.find_vm(&explanation.received.as_ref()?.at)?;
    let vm = network.vm(receiver);
    let transport = match explanation.protocol {
        IpProtocol::TCP => Transport::Tcp,
        IpProtocol::UDP => Transport::Udp,
        _ => return None,
    };
    vm.listen.is_none().then(|| Answerer {
        vm: vm.name.clone(),
        address: arrived.destination,
        transport,
        port: arrived.destination_port,
        for_ms: 2 * u32::try_from(PATIENCE.as_millis()).unwrap_or(u32::MAX / 2),
    })
}

/// The VMs that may ask for the destination: the sender, and whoever forwards.
fn askers(explanation: &Explanation) -> BTreeSet<VmName> {
    let sender = explanation.evidence.sender.clone();
    let forwarders = explanation.path.iter().filter_map(|name| name.parse().ok());
    sender.into_iter().chain(forwarders).collect()
}

/// What the first packet may look like on its way.
fn forms(explanations: &[Explanation]) -> Vec<Form> {
    let of_ways = explanations.iter().flat_map(|explanation| {
        let crossings = explanation.evidence.crossings.iter().map(|crossing| &crossing.packet);
        explanation.evidence.forms.iter().chain(crossings)
    });
    let mut forms: Vec<Form> = Vec::new();
    for form in of_ways {
        if !forms.contains(form) {
            forms.push(form.clone());
        }
    }
    forms
}

/// The NICs that the reply leaves, as the model says.
fn repliers(explanation: &Explanation) -> BTreeSet<NicId> {
    let crossings = explanation.evidence.reply_crossings.iter();
    let outbound = crossings.filter(|crossing| crossing.direction == Direction::Outbound);
    outbound.map(|crossing| crossing.nic.clone()).collect()
}

/// RFC 6335's dynamic ports, above those that Linux hands out by itself, and below 65330, which Azure reserves.
const FIRST_PORT: u16 = 61_000;
const LAST_PORT: u16 = 65_329;

fn dynamic_port(number: u64) -> u16 {
    FIRST_PORT + u16::try_from(number % u64::from(LAST_PORT - FIRST_PORT + 1)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_ports_stay_among_those_that_nobody_else_uses() {
        assert_eq!(dynamic_port(0), 61_000);
        assert_eq!(dynamic_port(4329), 65_329);
        assert_eq!(dynamic_port(4330), 61_000);
        assert!((FIRST_PORT..=LAST_PORT).contains(&dynamic_port(u64::MAX)));
    }

    #[test]
    fn only_what_a_vm_can_send_is_sent() {
        assert!(sendable(IpProtocol::ICMP).is_ok());
        assert!(sendable(IpProtocol::ESP).is_err());
    }
}
