//! The controller's side of the link, one question at a time.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use goal_state::data_path::NicCounters;
use goal_state::event::Event;
use goal_state::message::{Counter, FromAgent, PROTOCOL_VERSION, RequestId, ToAgent};
use goal_state::nsg::Protocol;
use goal_state::probe::{Probe, ProbeOutcome};
use goal_state::{HostGoalState, Report};

const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to an agent.
pub(crate) struct Controller {
    stream: UnixStream,
    events: Vec<Event>,
}

impl Controller {
    /// Connects as soon as the agent listens, and says hello.
    pub(crate) fn connect(socket: &Path) -> Self {
        Self::connect_as(PROTOCOL_VERSION, socket)
    }

    /// Connects as a controller of that version of the protocol.
    pub(crate) fn connect_as(protocol_version: u32, socket: &Path) -> Self {
        let end = Instant::now() + PATIENCE;
        let stream = loop {
            match UnixStream::connect(socket) {
                Ok(stream) => break stream,
                Err(error) if Instant::now() > end => panic!("{}: {error}", socket.display()),
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        let mut controller = Self { stream, events: Vec::new() };
        controller.say(&ToAgent::Hello { protocol_version });
        assert!(matches!(controller.hear(PATIENCE), Some(FromAgent::Hello { .. })));
        controller
    }

    /// Applies a goal state; panics when it is refused.
    pub(crate) fn apply(&mut self, goal: &HostGoalState) -> Report {
        match self.try_apply(goal) {
            FromAgent::Applied { report, .. } => report,
            other => panic!("{other:?}"),
        }
    }

    /// Applies a goal state and returns the last answer.
    pub(crate) fn try_apply(&mut self, goal: &HostGoalState) -> FromAgent {
        self.say(&ToAgent::Apply { id: RequestId(1), goal: Box::new(goal.clone()) });
        self.answer(|answer| !matches!(answer, FromAgent::Progress { .. }))
    }

    /// Asks for events from now on.
    pub(crate) fn follow_events(&mut self) {
        self.say(&ToAgent::Events { id: RequestId(2) });
        self.answer(|answer| matches!(answer, FromAgent::Events { .. }));
    }

    /// Sends a probe.
    pub(crate) fn probe(
        &mut self,
        vm: &str,
        source: &str,
        destination: &str,
        protocol: Protocol,
        port: u16,
    ) -> ProbeOutcome {
        let probe = Probe {
            vm: vm.parse().unwrap(),
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            protocol,
            port,
            source_port: 0,
            timeout_ms: 1000,
            follow_up: 0,
        };
        self.say(&ToAgent::Probe { id: RequestId(3), probe });
        match self.answer(|answer| matches!(answer, FromAgent::Probed { .. })) {
            FromAgent::Probed { result, .. } => result.outcome,
            other => panic!("{other:?}"),
        }
    }

    /// How often rules have matched.
    pub(crate) fn counters(&mut self) -> Vec<Counter> {
        self.say(&ToAgent::Counters { id: RequestId(4) });
        match self.answer(|answer| matches!(answer, FromAgent::Counters { .. })) {
            FromAgent::Counters { counters, .. } => counters,
            other => panic!("{other:?}"),
        }
    }

    /// How the agent is.
    pub(crate) fn status(&mut self) -> goal_state::message::AgentStatus {
        self.say(&ToAgent::Status { id: RequestId(5) });
        match self.answer(|answer| matches!(answer, FromAgent::Status { .. })) {
            FromAgent::Status { status, .. } => status,
            other => panic!("{other:?}"),
        }
    }

    /// How the backends of load balancers are.
    pub(crate) fn load_balancers(&mut self) -> Vec<goal_state::load_balancing::BackendStatus> {
        self.say(&ToAgent::LoadBalancers { id: RequestId(11) });
        match self.answer(|answer| matches!(answer, FromAgent::LoadBalancers { .. })) {
            FromAgent::LoadBalancers { backends, .. } => backends,
            other => panic!("{other:?}"),
        }
    }

    /// What NICs' devices have carried.
    pub(crate) fn device_counters(&mut self) -> Vec<NicCounters> {
        self.say(&ToAgent::DeviceCounters { id: RequestId(7) });
        match self.answer(|answer| matches!(answer, FromAgent::DeviceCounters { .. })) {
            FromAgent::DeviceCounters { counters, .. } => counters,
            other => panic!("{other:?}"),
        }
    }

    /// The unified flows of a VM, or why not.
    pub(crate) fn flows(&mut self, vm: &str) -> FromAgent {
        self.say(&ToAgent::Flows { id: RequestId(8), vm: vm.parse().unwrap() });
        self.answer(|answer| matches!(answer, FromAgent::Flows { .. } | FromAgent::Error { .. }))
    }

    /// Services the host; the NICs that had a VF.
    pub(crate) fn service(&mut self, time: Duration) -> Vec<String> {
        self.begin_service(time);
        match self.answer(|answer| matches!(answer, FromAgent::Servicing { .. })) {
            FromAgent::Servicing { nics, .. } => nics.iter().map(ToString::to_string).collect(),
            other => panic!("{other:?}"),
        }
    }

    /// Asks for servicing, and does not wait for the answer.
    pub(crate) fn begin_service(&mut self, time: Duration) {
        let milliseconds = u64::try_from(time.as_millis()).unwrap();
        self.say(&ToAgent::Service { id: RequestId(9), milliseconds });
    }

    /// Waits until the servicing is over; VFs that could not be returned.
    pub(crate) fn await_service(&mut self) -> Vec<String> {
        self.say(&ToAgent::AwaitService { id: RequestId(10) });
        match self.answer(|answer| matches!(answer, FromAgent::Serviced { .. })) {
            FromAgent::Serviced { problems, .. } => problems,
            other => panic!("{other:?}"),
        }
    }

    /// Waits for an event that `wanted` takes; says what there was instead.
    pub(crate) fn event<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE / 4;
        loop {
            if let Some(found) = self.events.iter().find_map(&wanted) {
                return found;
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.hear(left) {
                Some(FromAgent::Event { event }) => self.events.push(event),
                Some(_) => {}
                None => panic!("no such event, but: {:#?}", self.events),
            }
        }
    }

    /// Asks something; whether the agent closes the connection instead of answering.
    pub(crate) fn is_refused(&mut self) -> bool {
        self.say(&ToAgent::Status { id: RequestId(6) });
        self.hear(PATIENCE).is_none()
    }

    /// Everything heard so far.
    pub(crate) fn events(&self) -> &[Event] {
        &self.events
    }

    fn answer(&mut self, wanted: impl Fn(&FromAgent) -> bool) -> FromAgent {
        loop {
            match self.hear(PATIENCE).expect("an answer in time") {
                FromAgent::Event { event } => self.events.push(event),
                answer if wanted(&answer) => return answer,
                _ => {}
            }
        }
    }

    fn say(&mut self, message: &ToAgent) {
        let body = serde_json::to_vec(message).unwrap();
        self.stream.write_all(&u32::try_from(body.len()).unwrap().to_be_bytes()).unwrap();
        self.stream.write_all(&body).unwrap();
    }

    fn hear(&mut self, patience: Duration) -> Option<FromAgent> {
        if patience.is_zero() {
            return None;
        }
        self.stream.set_read_timeout(Some(patience)).unwrap();
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).ok()?;
        let mut body = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
        self.stream.read_exact(&mut body).unwrap();
        Some(serde_json::from_slice(&body).unwrap())
    }
}
