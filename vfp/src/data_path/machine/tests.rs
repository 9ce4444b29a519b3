//! Every state meets every event, and every way through the states tells the guest what a real host would.

use super::*;

/// State, whether the guest knows the device, event: next state, whether the guest knows the device, actions.
///
/// `-` is no action: the event is no news there.
const TABLE: &str = "
synthetic  no  Offer    vfOffered no  tell SlotAdded, MakeVf, BringUp
synthetic  no  VfUp     synthetic no  -
synthetic  no  Switched synthetic no  -
synthetic  no  Revoke   synthetic no  -
synthetic  no  Drained  synthetic no  -
synthetic  no  Removed  synthetic no  -
synthetic  no  VfLost   synthetic no  -
synthetic  no  Refused  failed    no  -
vfOffered  no  Offer    vfOffered no  MakeVf, BringUp
vfOffered  no  VfUp     vfOffered yes tell Registering, PrepareReceiving, SwitchOutbound, SwitchInbound
vfOffered  no  Switched vf        yes tell SwitchedToVf
vfOffered  no  Revoke   revoking  no  SwitchBack, Drain
vfOffered  no  Drained  vfOffered no  -
vfOffered  no  Removed  vfOffered no  -
vfOffered  no  VfLost   failed    no  SwitchBack, Remove, tell SlotRemoved
vfOffered  no  Refused  failed    no  SwitchBack, Remove, tell SlotRemoved
vfOffered  yes Offer    vfOffered yes MakeVf, BringUp
vfOffered  yes VfUp     vfOffered yes tell Registering, PrepareReceiving, SwitchOutbound, SwitchInbound
vfOffered  yes Switched vf        yes tell SwitchedToVf
vfOffered  yes Revoke   revoking  yes SwitchBack, Drain
vfOffered  yes Drained  vfOffered yes -
vfOffered  yes Removed  vfOffered yes -
vfOffered  yes VfLost   failed    no  SwitchBack, tell Unregistering, Remove, tell SlotRemoved
vfOffered  yes Refused  failed    no  SwitchBack, tell Unregistering, Remove, tell SlotRemoved
vf         yes Offer    vf        yes PrepareReceiving, SwitchOutbound, SwitchInbound
vf         yes VfUp     vf        yes -
vf         yes Switched vf        yes -
vf         yes Revoke   revoking  yes SwitchBack, tell SwitchedFromVf, Drain
vf         yes Drained  vf        yes -
vf         yes Removed  vf        yes -
vf         yes VfLost   failed    no  SwitchBack, tell SwitchedFromVf, tell Unregistering, Remove, tell SlotRemoved
vf         yes Refused  failed    no  SwitchBack, tell SwitchedFromVf, tell Unregistering, Remove, tell SlotRemoved
revoking   no  Offer    revoking  no  -
revoking   no  VfUp     revoking  no  -
revoking   no  Switched revoking  no  -
revoking   no  Revoke   revoking  no  -
revoking   no  Drained  revoking  no  Remove
revoking   no  Removed  synthetic no  tell SlotRemoved
revoking   no  VfLost   revoking  no  Remove
revoking   no  Refused  failed    no  SwitchBack, Remove, tell SlotRemoved
revoking   yes Offer    revoking  yes -
revoking   yes VfUp     revoking  yes -
revoking   yes Switched revoking  yes -
revoking   yes Revoke   revoking  yes -
revoking   yes Drained  revoking  no  tell Unregistering, Remove
revoking   yes Removed  synthetic no  tell SlotRemoved
revoking   yes VfLost   revoking  no  tell Unregistering, Remove
revoking   yes Refused  failed    no  SwitchBack, tell Unregistering, Remove, tell SlotRemoved
failed     no  Offer    vfOffered no  tell SlotAdded, MakeVf, BringUp
failed     no  VfUp     failed    no  -
failed     no  Switched failed    no  -
failed     no  Revoke   synthetic no  SwitchBack, Remove
failed     no  Drained  failed    no  -
failed     no  Removed  failed    no  -
failed     no  VfLost   failed    no  -
failed     no  Refused  failed    no  -
";

const PATHS: [DataPath; 5] =
    [DataPath::Synthetic, DataPath::VfOffered, DataPath::Vf, DataPath::Revoking, DataPath::Failed];

fn events() -> [Event; 8] {
    let refused = Event::Refused("no".into());
    [
        Event::Offer,
        Event::VfUp,
        Event::Switched,
        Event::Revoke,
        Event::Drained,
        Event::Removed,
        Event::VfLost(GONE),
        refused,
    ]
}

fn machine(path: DataPath, registered: bool) -> Machine {
    Machine { path, registered, why: (path == DataPath::Failed).then(|| "before".to_owned()) }
}

/// A state that the guest cannot be in: it knows a device that is not there, or sends by one that it does not know.
fn is_possible(path: DataPath, registered: bool) -> bool {
    match path {
        DataPath::Synthetic | DataPath::Failed => !registered,
        DataPath::Vf => registered,
        DataPath::VfOffered | DataPath::Revoking => true,
    }
}

fn name(event: &Event) -> String {
    let text = format!("{event:?}");
    text.split('(').next().unwrap().to_owned()
}

fn text(actions: &[Action]) -> String {
    let word = |action: &Action| match action {
        Action::Tell(line) => format!("tell {line:?}"),
        other => format!("{other:?}"),
    };
    if actions.is_empty() { "-".into() } else { actions.iter().map(word).collect::<Vec<_>>().join(", ") }
}

fn row(path: DataPath, registered: bool, event: &Event) -> String {
    let yes_no = |registered| if registered { "yes" } else { "no" };
    let mut machine = machine(path, registered);
    let actions = machine.on(event.clone());
    format!(
        "{:<10} {:<3} {:<8} {:<9} {:<3} {}",
        path.as_str(),
        yes_no(registered),
        name(event),
        machine.path().as_str(),
        yes_no(machine.registered),
        text(&actions)
    )
}

#[test]
fn every_state_meets_every_event() {
    let states = PATHS.into_iter().flat_map(|path| [(path, false), (path, true)]);
    let possible = states.filter(|(path, registered)| is_possible(*path, *registered));
    let rows = possible.flat_map(|(path, registered)| events().map(|event| row(path, registered, &event)));
    assert_eq!(rows.collect::<Vec<_>>().join("\n"), TABLE.trim());
}

/// Only a failed path has a reason, and the first one counts.
#[test]
fn a_reason_belongs_to_a_failed_path() {
    for path in PATHS {
        for event in events() {
            let mut machine = machine(path, path == DataPath::Vf);
            machine.on(event);
            assert_eq!(machine.why().is_some(), machine.path() == DataPath::Failed, "{machine:?}");
            if path == DataPath::Failed && machine.path() == path {
                assert_eq!(machine.why(), Some("before"));
            }
        }
    }
}

/// Carries out what is said, as if the kernel did everything; `refused` is the action that it refuses.
fn play(machine: &mut Machine, event: Event, refused: Option<Action>) -> Vec<Action> {
    let mut done = Vec::new();
    let mut events = vec![event];
    while let Some(event) = events.pop() {
        for action in machine.on(event) {
            if Some(action) == refused {
                events.push(Event::Refused("no".into()));
                break;
            }
            done.push(action);
            events.extend(match action {
                Action::BringUp => Some(Event::VfUp),
                Action::SwitchInbound => Some(Event::Switched),
                Action::Drain => Some(Event::Drained),
                Action::Remove => Some(Event::Removed),
                _ => None,
            });
        }
    }
    done
}

fn lines(actions: &[Action]) -> Vec<String> {
    let line = |action: &Action| match action {
        Action::Tell(line) => Some(line.text("eth0", "enP1s1np0", 1)),
        _ => None,
    };
    actions.iter().filter_map(line).collect()
}

#[test]
fn a_vf_arrives_and_leaves_as_on_a_real_host() {
    let mut machine = Machine::default();
    let arrival = play(&mut machine, Event::Offer, None);
    assert_eq!(machine.path(), DataPath::Vf);
    assert_eq!(
        lines(&arrival),
        [
            "eth0: VF slot 1 added",
            "eth0: VF registering: enP1s1np0",
            "eth0: Data path switched to VF: enP1s1np0"
        ]
    );
    let place = |action| arrival.iter().position(|one| *one == action).unwrap();
    assert!(place(Action::PrepareReceiving) < place(Action::SwitchOutbound));

    let removal = play(&mut machine, Event::Revoke, None);
    assert_eq!(machine, Machine::default());
    assert_eq!(
        text(&removal),
        "SwitchBack, tell SwitchedFromVf, Drain, tell Unregistering, Remove, tell SlotRemoved"
    );
    assert_eq!(
        lines(&removal),
        [
            "eth0: Data path switched from VF: enP1s1np0",
            "eth0: VF unregistering: enP1s1np0",
            "eth0: VF slot 1 removed"
        ]
    );
}

/// Whatever is refused on the way, the path is synthetic again, and no VF is left in use.
#[test]
fn what_is_refused_leads_back() {
    for refused in [
        Action::MakeVf,
        Action::BringUp,
        Action::PrepareReceiving,
        Action::SwitchOutbound,
        Action::SwitchInbound,
    ] {
        let mut machine = Machine::default();
        let actions = play(&mut machine, Event::Offer, Some(refused));
        assert_eq!(machine.path(), DataPath::Failed, "{refused:?}");
        let last = |action| actions.iter().rposition(|one| *one == action);
        assert!(last(Action::SwitchBack) > last(Action::SwitchOutbound), "{actions:?}");
        assert!(last(Action::Remove) > last(Action::SwitchBack), "{actions:?}");
        assert_eq!(lines(&actions).last().unwrap(), "eth0: VF slot 1 removed");
        play(&mut machine, Event::Offer, None);
        assert_eq!(machine.path(), DataPath::Vf, "another offer, another try");
    }
}

/// A VF that may still be in use is not removed.
#[test]
fn without_a_way_back_the_vf_stays() {
    let mut machine = machine(DataPath::Vf, true);
    let actions = play(&mut machine, Event::Revoke, Some(Action::SwitchBack));
    assert_eq!((machine.path(), actions), (DataPath::Failed, vec![]));
}

#[test]
fn what_an_earlier_one_has_left_is_adopted() {
    let whole = Observation { vf: true, up: true, receiving: true, outbound: true, inbound: true };
    let adopted = |observed| {
        let (machine, due) = Machine::adopt(observed);
        (machine.path(), due)
    };
    assert_eq!(adopted(Observation::default()), (DataPath::Synthetic, None));
    assert_eq!(adopted(whole), (DataPath::Vf, None));
    for begun in [
        Observation { up: false, ..whole },
        Observation { receiving: false, ..whole },
        Observation { outbound: false, ..whole },
        Observation { inbound: false, ..whole },
        Observation { vf: true, ..Observation::default() },
    ] {
        assert_eq!(adopted(begun), (DataPath::VfOffered, None), "{begun:?}");
    }
    for lost in [
        Observation { vf: false, ..whole },
        Observation { outbound: true, ..Observation::default() },
        Observation { inbound: true, ..Observation::default() },
    ] {
        assert_eq!(adopted(lost), (DataPath::Vf, Some(Event::VfLost(GONE))), "{lost:?}");
    }
}
