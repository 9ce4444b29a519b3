//! What we believe about BPF: an object is loaded once, whoever opens it, and its programs see packets.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests fail by unwrapping, and say why they cannot run"
)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use common::{assert_ping, pair, ping, run, sandboxed};
use linux_net::bpf::{BpfError, Map, Object, Program, is_loaded};

/// `scripts/build-bpf.sh` makes it of count.c.
const OBJECT: &[u8] = include_bytes!("bpf/count.bpf.o");
const FOLDER: &str = "/run/bpf/count";
const ETH_P_IP: u32 = 0x0800;

fn open() -> Object {
    Object::open(Path::new(FOLDER), OBJECT).unwrap()
}

/// In a sandbox, where BPF is to be had.
fn with_bpf(test: impl FnOnce() + Send + 'static) {
    sandboxed(|| match Object::open(Path::new("/run/bpf/try"), OBJECT) {
        Err(BpfError::Refused(error)) => eprintln!("SKIPPED: no BPF: {error}"),
        Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
        Ok(_) => test(),
    });
}

/// The folders of pins of the object.
fn folders() -> Vec<PathBuf> {
    let entries = fs::read_dir("/run/bpf").unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_str().unwrap().starts_with(FOLDER)).collect()
}

fn key(number: u32) -> [u8; 4] {
    number.to_ne_bytes()
}

fn value(map: &Map, slot: u32) -> u64 {
    u64::from_ne_bytes(map.lookup(&key(slot)).unwrap().unwrap().try_into().unwrap())
}

/// Whoever opens an object finds the programs and maps of whoever loaded it.
#[test]
fn an_object_is_loaded_once() {
    with_bpf(|| {
        let first = open();
        let ids = |object: &Object| ["count_ipv4", "pass"].map(|name| object.program(name).unwrap().id());
        assert_ne!(ids(&first)[0], ids(&first)[1]);
        first.map("seen").unwrap().update(&key(3), &7_u64.to_ne_bytes()).unwrap();
        let loaded = ids(&first);
        drop(first);

        let again = open();
        assert_eq!(ids(&again), loaded);
        assert_eq!(value(&again.map("seen").unwrap(), 3), 7);
        assert_eq!(folders().len(), 1);

        assert!(is_loaded(Path::new(FOLDER)));
        assert!(!is_loaded(Path::new("/run/bpf/cou")) && !is_loaded(Path::new("/run/nowhere/count")));

        let program = again.program("pass").unwrap();
        assert_eq!(program.name(), "pass");
        assert_eq!(program, Program::from_fd(program.as_fd().try_clone_to_owned().unwrap()).unwrap());
        assert!(Program::from_fd(fs::File::open("/proc/self/status").unwrap().into()).is_err());
    });
}

/// Other bytes are another object, also when they mean the same.
#[test]
fn other_bytes_are_loaded_anew() {
    with_bpf(|| {
        let first = open();
        let longer = [OBJECT, &[0]].concat();
        let second = Object::open(Path::new(FOLDER), &longer).unwrap();
        assert_ne!(first.program("pass").unwrap(), second.program("pass").unwrap());
        assert_eq!(folders().len(), 2);
    });
}

/// Many at once: one of them loads, the others wait for it.
#[test]
fn those_who_come_at_once_get_the_same() {
    with_bpf(|| {
        let ids: BTreeSet<u32> = std::thread::scope(|scope| {
            let openers: Vec<_> =
                (0..8).map(|_| scope.spawn(|| open().program("pass").unwrap().id())).collect();
            openers.into_iter().map(|opener| opener.join().unwrap()).collect()
        });
        assert_eq!(ids.len(), 1);
        assert_eq!(folders().len(), 1);
    });
}

/// What somebody left who was killed while he pinned is made anew, and nobody takes it for the whole.
#[test]
fn a_half_filled_folder_is_made_anew() {
    with_bpf(|| {
        open();
        let complete = folders().remove(0);
        let draft = PathBuf::from(format!("{}-draft", complete.display()));
        fs::remove_file(complete.join("programs/pass")).unwrap();
        fs::rename(&complete, &draft).unwrap();
        assert!(!is_loaded(Path::new(FOLDER)));

        let object = open();
        assert!(object.program("pass").is_ok());
        assert_eq!(folders(), [complete]);
    });
}

/// Programs see packets, and what is in a map decides over them.
#[test]
fn a_program_counts_and_drops() {
    with_bpf(|| {
        let (a, b) = pair();
        assert_ping(&a, "10.0.0.2");
        let object = open();
        let pin = folders().remove(0).join("programs/count_ipv4");
        let (seen, refused) = (object.map("seen").unwrap(), object.map("refused").unwrap());
        assert!(run(&b, "tc", &["qdisc", "add", "dev", "eth0", "clsact"]).0);
        let filter =
            ["filter", "add", "dev", "eth0", "ingress", "bpf", "da", "pinned", pin.to_str().unwrap()];
        let (attached, text) = run(&b, "tc", &filter);
        assert!(attached, "{text}");

        assert_ping(&a, "10.0.0.2");
        let frames = value(&seen, 1);
        assert!(frames > 0, "frames of IPv4");
        let own = object.map("by_processor").unwrap().lookup(&key(0)).unwrap().unwrap();
        let each = own.chunks_exact(8).map(|own| u64::from(u32::from_ne_bytes(own[..4].try_into().unwrap())));
        assert_eq!(each.sum::<u64>(), value(&seen, 0) + value(&seen, 1));

        refused.update(&key(ETH_P_IP), &0_u64.to_ne_bytes()).unwrap();
        assert!(!ping(&a, "10.0.0.2"), "refused");
        assert!(value(&seen, 1) > frames);
        assert!(refused.remove(&key(ETH_P_IP)).unwrap());
        assert_ping(&a, "10.0.0.2");
    });
}

/// A map does what a map does, and says what it cannot.
#[test]
fn maps_are_read_and_written() {
    with_bpf(|| {
        let map = open().map("refused").unwrap();
        assert_eq!((map.capacity(), map.key_size(), map.value_size()), (10_000, 4, 8));
        assert_eq!(map.lookup(&key(1)).unwrap(), None);
        assert!(!map.remove(&key(1)).unwrap());
        assert_eq!(map.entries().unwrap(), []);

        // More than are read at once, and as many as there can be.
        for number in 0..map.capacity() {
            map.update(&key(number), &u64::from(number).to_ne_bytes()).unwrap();
        }
        let mut entries = map.entries().unwrap();
        entries.sort_by_key(|(number, _)| u32::from_ne_bytes(number[..].try_into().unwrap()));
        let all = (0..map.capacity())
            .map(|number| (key(number).to_vec(), u64::from(number).to_ne_bytes().to_vec()));
        assert_eq!(entries, all.collect::<Vec<_>>());
        let full = map.update(&key(map.capacity()), &[0; 8]);
        assert!(
            matches!(&full, Err(BpfError::Map { source, .. }) if source.raw_os_error() == Some(nix::libc::E2BIG))
        );

        for (key, value) in [(&[0_u8; 3][..], &[0_u8; 8][..]), (&[0; 4], &[0; 9])] {
            assert!(matches!(map.update(key, value), Err(BpfError::Size { .. })));
        }
        assert!(matches!(map.lookup(&[]), Err(BpfError::Size { what: "key", wanted: 4, given: 0, .. })));
    });
}

/// Arrays have all entries from the start and lose none; the compiler's own maps are there, too.
#[test]
fn arrays_are_lists_of_all_entries() {
    with_bpf(|| {
        let object = open();
        let seen = object.map("seen").unwrap();
        let zeroes = (0..4).map(|slot| (key(slot).to_vec(), vec![0; 8]));
        assert_eq!(seen.entries().unwrap(), zeroes.collect::<Vec<_>>());
        assert!(matches!(seen.remove(&key(0)), Err(BpfError::Map { .. })));
        assert_eq!(object.map("by_processor").unwrap().entries().unwrap().len(), 1);
        assert_eq!(
            object.map(".rodata").unwrap().lookup(&key(0)).unwrap(),
            Some(1_u32.to_ne_bytes().to_vec())
        );
    });
}

/// What is not there is told by name, and bytes that are no object leave no folder.
#[test]
fn mistakes_are_told() {
    with_bpf(|| {
        let object = open();
        let program = object.program("seen").unwrap_err();
        assert_eq!(program.to_string(), "cannot open the BPF program seen");
        assert!(matches!(object.map("pass"), Err(BpfError::Open { kind: "map", .. })));

        let before = fs::read_dir("/run/bpf").unwrap().count();
        assert!(matches!(Object::open(Path::new(FOLDER), b"no object"), Err(BpfError::Load(_))));
        assert_eq!(fs::read_dir("/run/bpf").unwrap().count(), before);
    });
}
