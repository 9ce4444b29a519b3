//! Load balancers of this host: asks backends how they are, and lets frontends follow the answers.
//!
//! A thread of its own asks, so that nothing else that the agent does makes a backend look dead. What a frontend chooses among is in the kernel and
//! survives the agent; until a backend has answered the next agent, it stays as it was.

mod machine;
mod question;

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use goal_state::edge::{Backend, BalancingRule, Edge, Frontend, HealthProbe};
use goal_state::load_balancing::{BackendStatus, Health};
use goal_state::nsg;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use vfp::balancing;
use vfp::station::Station;

use machine::Record;

/// Asks, and lets frontends follow.
#[derive(Debug)]
pub struct LoadBalancing {
    shared: Arc<Mutex<Shared>>,
    edges: mpsc::UnboundedSender<Edge>,
}

/// A backend as a probe of a load balancer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Asked {
    balancer: String,
    probe: String,
    backend: Ipv4Addr,
}

/// What is known.
#[derive(Debug, Default)]
struct Shared {
    frontends: Vec<Frontend>,
    records: HashMap<Asked, Record>,
    failures: HashMap<Asked, String>,
}

/// What somebody asks again and again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Task {
    namespace: String,
    /// With the one backend that is asked.
    probe: HealthProbe,
}

impl LoadBalancing {
    /// Starts the thread, with nobody to ask yet.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start() -> std::io::Result<Self> {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let (edges, wanted) = mpsc::unbounded_channel();
        let asks = Arc::clone(&shared);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let run = move || runtime.block_on(follow_edges(asks, wanted));
        std::thread::Builder::new().name("health".into()).spawn(run)?;
        Ok(Self { shared, edges })
    }

    /// Follows the load balancers of `edge`, whose stations are there. Returns what cannot be done, as sentences.
    pub fn follow(&self, edge: &Edge) -> Vec<String> {
        let mut shared = lock(&self.shared);
        shared.frontends.clone_from(&edge.frontends);
        let asked = tasks(edge).map(|(asked, _)| asked).collect::<HashSet<_>>();
        shared.records.retain(|key, _| asked.contains(key));
        shared.failures.retain(|key, _| asked.contains(key));
        let problems = shared.settle(|_| true);
        // The thread lives as long as this.
        let _ = self.edges.send(edge.clone());
        problems
    }

    /// How all backends are, in the order of frontends and rules.
    #[must_use]
    pub fn status(&self) -> Vec<BackendStatus> {
        let (frontends, mut all) = {
            let shared = lock(&self.shared);
            let all =
                shared.frontends.iter().flat_map(|frontend| shared.status_of(frontend)).collect::<Vec<_>>();
            (shared.frontends.clone(), all)
        };
        // Counting may take a while, in which others want to know and to note.
        let mut rows = all.iter_mut();
        frontends.iter().for_each(|frontend| count_flows(frontend, &mut rows));
        all
    }
}

impl Shared {
    /// Lets frontends follow what is known. Returns what cannot be done.
    fn settle(&self, which: impl Fn(&Frontend) -> bool) -> Vec<String> {
        let settle = |frontend: &Frontend| {
            let is_healthy =
                |rule: &BalancingRule, backend: &Backend| match self.health(frontend, rule, backend) {
                    Health::Unknown => None,
                    Health::Up => Some(true),
                    Health::Down => Some(false),
                };
            let settled = balancing::settle(frontend, &is_healthy);
            settled.err().map(|error| {
                format!("frontend {} of {}: {}", frontend.name, frontend.balancer, vfp::with_causes(&error))
            })
        };
        self.frontends.iter().filter(|frontend| which(frontend)).filter_map(settle).collect()
    }

    fn health(&self, frontend: &Frontend, rule: &BalancingRule, backend: &Backend) -> Health {
        let Some(asked) = asked(frontend, rule, backend) else { return Health::Up };
        self.records.get(&asked).map(Record::health).unwrap_or_default()
    }

    fn status_of(&self, frontend: &Frontend) -> Vec<BackendStatus> {
        let row = |(rule, backend): (&BalancingRule, &Backend)| BackendStatus {
            balancer: frontend.balancer.clone(),
            frontend: frontend.name.clone(),
            frontend_address: frontend.address,
            rule: rule.name.clone(),
            probe: rule.probe.clone(),
            backend: backend.nic.clone(),
            address: backend.address,
            health: self.health(frontend, rule, backend),
            last_failure: asked(frontend, rule, backend).and_then(|asked| self.failures.get(&asked).cloned()),
            flows: None,
        };
        let rules = frontend.rules.iter();
        rules.flat_map(|rule| rule.backends.iter().map(move |one| (rule, one))).map(row).collect()
    }

    /// Notes an answer; frontends follow when health changes.
    fn note(&mut self, key: &Asked, answer: Result<(), String>, threshold: u32) -> Record {
        let record = self.records.entry(key.clone()).or_default();
        let changed = record.note(answer.is_ok(), threshold);
        let (record, health) = (record.clone(), record.health());
        match answer {
            Ok(()) => drop(self.failures.remove(key)),
            Err(why) => drop(self.failures.insert(key.clone(), why)),
        }
        if changed {
            let Asked { balancer, probe, backend } = key;
            tracing::info!(balancer, probe, %backend, health = health.as_str(), why = self.failures.get(key));
            for problem in self.settle(|frontend| frontend.balancer == *balancer) {
                tracing::warn!(problem, "not balanced");
            }
        }
        record
    }
}

/// Notes the flows of a frontend in its rows, which come next.
fn count_flows<'a>(frontend: &Frontend, rows: &mut impl Iterator<Item = &'a mut BackendStatus>) {
    let counts = balancing::flow_counts(frontend).ok();
    for (index, rule) in frontend.rules.iter().enumerate() {
        let counts = counts.as_ref().filter(|_| rule.protocol != nsg::Protocol::Udp);
        for row in rows.take(rule.backends.len()) {
            row.flows = counts.map(|counts| counts.get(&(index, row.address)).copied().unwrap_or(0));
        }
    }
}

fn asked(frontend: &Frontend, rule: &BalancingRule, backend: &Backend) -> Option<Asked> {
    let probe = rule.probe.clone()?;
    Some(Asked { balancer: frontend.balancer.clone(), probe, backend: backend.address })
}

/// Whom to ask, and what.
fn tasks(edge: &Edge) -> impl Iterator<Item = (Asked, Task)> {
    let of_prober = |prober| (Station::Prober(prober).namespace(), prober);
    edge.probers.iter().map(of_prober).flat_map(|(namespace, prober)| {
        let pairs = prober.probes.iter().flat_map(|probe| probe.backends.iter().map(move |one| (probe, one)));
        pairs.map(move |(probe, backend)| {
            let key = Asked {
                balancer: probe.balancer.clone(),
                probe: probe.name.clone(),
                backend: backend.address,
            };
            let probe = HealthProbe { backends: vec![backend.clone()], ..probe.clone() };
            (key, Task { namespace: namespace.clone(), probe })
        })
    })
}

/// Runs until the agent ends.
async fn follow_edges(shared: Arc<Mutex<Shared>>, mut edges: mpsc::UnboundedReceiver<Edge>) {
    let mut running: HashMap<(Asked, Task), AbortHandle> = HashMap::new();
    while let Some(edge) = edges.recv().await {
        let wanted = tasks(&edge).collect::<HashSet<_>>();
        running.retain(|task, handle| {
            let stays = wanted.contains(task);
            if !stays {
                handle.abort();
            }
            stays
        });
        for (key, task) in wanted {
            let shared = &shared;
            running.entry((key.clone(), task.clone())).or_insert_with(|| {
                tokio::spawn(ask_again_and_again(Arc::clone(shared), key, task)).abort_handle()
            });
        }
    }
}

async fn ask_again_and_again(shared: Arc<Mutex<Shared>>, key: Asked, task: Task) {
    let interval = Duration::from_secs(u64::from(task.probe.interval_s.max(1)));
    loop {
        let begin = tokio::time::Instant::now();
        let answer = question::ask(&task.namespace, &task.probe, key.backend).await;
        let record = lock(&shared).note(&key, answer, task.probe.threshold);
        tokio::time::sleep_until(begin + record.pause(interval)).await;
    }
}

fn lock(mutex: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
