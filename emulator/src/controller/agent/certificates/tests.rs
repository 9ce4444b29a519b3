use goal_state::Generation;
use goal_state::framing::JsonCodec;
use goal_state::message::AgentStatus as Told;
use tokio::io::DuplexStream;
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::codec::Framed;

use super::super::{AgentProgram, AgentStatus};
use super::*;
use crate::lab::Folder;
use crate::plan::example;

/// The agent's end of a connection: it has a key, or refuses.
struct FakeAgent {
    link: Framed<DuplexStream, JsonCodec<ToAgent, FromAgent>>,
    key: Option<Vec<u8>>,
}

impl FakeAgent {
    /// Answers until nobody asks any more; the NICs of each `Certify`, and `None` for each `PublicKey`.
    async fn run(mut self) -> Vec<Option<Vec<String>>> {
        let mut asked = Vec::new();
        while let Some(Ok(request)) = self.link.next().await {
            let answer = match (request, &self.key) {
                (ToAgent::PublicKey { id }, Some(key)) => {
                    asked.push(None);
                    FromAgent::PublicKey { id, public_key: key.clone() }
                }
                (ToAgent::Certify { id, certificates, .. }, Some(_)) => {
                    asked.push(Some(certificates.iter().map(|one| one.nic.to_string()).collect()));
                    FromAgent::Certified { id }
                }
                (ToAgent::PublicKey { id } | ToAgent::Certify { id, .. }, None) => {
                    asked.push(None);
                    FromAgent::Error { id, message: "no".into() }
                }
                (other, _) => panic!("{other:?}"),
            };
            self.link.send(answer).await.unwrap();
        }
        asked
    }
}

fn key() -> Vec<u8> {
    use rcgen::PublicKeyData;
    rcgen::KeyPair::generate().unwrap().subject_public_key_info()
}

fn attendant() -> Attendant {
    let authority = Authority::of(&Authority::found(SystemTime::now()).unwrap()).unwrap();
    let program =
        AgentProgram::new("host1".parse().unwrap(), Folder::at("/nonexistent"), "/nonexistent".into());
    Attendant::new(
        Arc::new(program),
        Arc::new(authority),
        mpsc::unbounded_channel().1,
        broadcast::channel(1).0,
        watch::channel(AgentStatus::default()).0,
    )
}

/// A connection, and what the agent was asked until it is dropped.
fn connect(
    attendant: &mut Attendant,
    key: Option<&Vec<u8>>,
) -> (Connection, tokio::task::JoinHandle<Vec<Option<Vec<String>>>>) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let agent = FakeAgent { link: Framed::new(theirs, JsonCodec::default()), key: key.cloned() };
    attendant.certificates.forget_key();
    (Connection::new(Box::new(ours), JsonCodec::default()), tokio::spawn(agent.run()))
}

/// A goal state in which the first `encrypting` of two NICs encrypt.
fn goal(encrypting: usize) -> Option<Box<HostGoalState>> {
    let mut goal = example::host("host1", 1, &[("web", 4), ("db", 5)]);
    for vm in goal.virtual_machines.iter_mut().take(encrypting) {
        vm.network_interfaces[0].encryption_port = Some(4433);
    }
    Some(Box::new(goal))
}

fn named(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

#[tokio::test]
async fn certificates_follow_when_nics_or_key_are_new_or_the_old_ones_are_old() {
    let mut attendant = attendant();
    let first = key();
    let (mut connection, asked) = connect(&mut attendant, Some(&first));
    for encrypting in [0, 1, 1, 2, 0, 0] {
        attendant.wanted = goal(encrypting);
        attendant.certify(&mut connection).await.unwrap();
    }
    drop(connection);
    let (web, both, none) = (named(&["web/nic0"]), named(&["db/nic0", "web/nic0"]), named(&[]));
    assert_eq!(asked.await.unwrap(), [None, web.clone(), both, none]);

    attendant.wanted = goal(1);
    let (mut connection, asked) = connect(&mut attendant, Some(&first));
    attendant.certify(&mut connection).await.unwrap();
    drop(connection);
    assert_eq!(asked.await.unwrap(), [None, web.clone()]);

    // The same process on another connection has them; another one has not.
    for (key, expected) in [(first, vec![None]), (key(), vec![None, web.clone()])] {
        let (mut connection, asked) = connect(&mut attendant, Some(&key));
        attendant.certify(&mut connection).await.unwrap();
        attendant.renew_certificates(&mut connection).await.unwrap();
        drop(connection);
        assert_eq!(asked.await.unwrap(), expected);
    }

    let given = attendant.certificates.given.as_mut().unwrap();
    given.at = SystemTime::now() - RENEWED_AFTER;
    let key = given.key.clone();
    let (mut connection, asked) = connect(&mut attendant, Some(&key));
    attendant.renew_certificates(&mut connection).await.unwrap();
    attendant.renew_certificates(&mut connection).await.unwrap();
    drop(connection);
    assert_eq!(asked.await.unwrap(), [None, web]);
}

#[tokio::test]
async fn an_agent_that_refuses_has_a_problem_and_goes_on() {
    let mut attendant = attendant();
    let (mut connection, asked) = connect(&mut attendant, None);
    attendant.wanted = goal(0);
    attendant.certify(&mut connection).await.unwrap();
    let problems = |attendant: &Attendant| attendant.certificates.with_problem(&["other".into()]);
    assert_eq!(problems(&attendant), ["other"], "nothing is to be encrypted");

    attendant.wanted = goal(1);
    attendant.certify(&mut connection).await.unwrap();
    assert!(problems(&attendant)[1].ends_with("cannot encrypt: no"), "{:?}", problems(&attendant));
    attendant.renew_certificates(&mut connection).await.unwrap();
    // Its own answers do not take the problem away.
    let (id, problems) = (RequestId(999), Vec::new());
    let status = Told {
        wanted: Generation(1),
        applied: Generation(1),
        problems,
        running_vms: Vec::new(),
        data_paths: Vec::new(),
        not_offloaded: None,
        not_encrypted: None,
    };
    attendant.hear(FromAgent::Status { id, status });
    assert_eq!(attendant.status.borrow().problems.len(), 1);
    drop(connection);
    assert_eq!(asked.await.unwrap(), [None], "not tried again at once");
}

#[tokio::test]
async fn an_agent_that_ends_is_lost() {
    let mut attendant = attendant();
    attendant.wanted = goal(1);
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    drop(theirs);
    let mut connection = Connection::new(Box::new(ours), JsonCodec::default());
    assert!(attendant.certify(&mut connection).await.is_err());
}
