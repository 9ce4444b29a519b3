//! Text that nobody should write: bombs, damage, noise.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// A second; the dev build takes several times as long for the same, and more where a neighbour shares the processor's caches.
const PATIENCE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 4 } else { 1 });

#[test]
fn bombs_end_in_an_error_within_a_second() {
    let mut billion_laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let before = vec![format!("*a{}", level - 1); 10].join(", ");
        billion_laughs += &format!("a{level}: &a{level} [{before}]\n");
    }
    let mut merges = "a0: &a0 {x: 1, y: 2}\n".to_owned();
    for level in 1..40 {
        merges += &format!(
            "a{level}: &a{level} {{p{level}: *a{}, q{level}: *a{}, <<: *a{}}}\n",
            level - 1,
            level - 1,
            level - 1
        );
    }
    let wide: String = (0..80_000).map(|key| format!("k{key}: 1\n")).collect();
    let wider: String = (0..101_000).map(|key| format!("k{key}: 1\n")).collect();
    let unusual = format!("{}{wide}", "# a\n".repeat(2 << 20)) + "k: !!str a\n";
    let entries = format!("name: a\nvirtualMachines:\n{}", "  a: {}\n".repeat(800_000));
    let twice: String = (0..20_000).map(|vm| format!("  vm{vm}: {{size: a, size: b}}\n")).collect();
    let twice = format!("name: a\nvirtualMachines:\n{twice}");
    let unknown: String = (0..45_000).map(|key| format!("k{key}: 1\n")).collect();
    let sections: String = (0..60_000).map(|key| format!("  k{key}: 1\n")).collect();
    let merged = format!("a: &a\n{sections}b:\n  <<: *a\n{sections}");
    let public: String = (0..15_000).map(|key| format!("  p{key}: {{ipTags: {{a: b}}}}\n")).collect();
    let wrong: String = (0..20_000).map(|key| format!("  vm{key}: {{subnet: x}}\n")).collect();
    for (name, text, code) in [
        ("aliases", billion_laughs, "TooManyValues"),
        ("merges", merges, "TooManyValues"),
        ("cyclic alias", "name: &a [*a]\n".to_owned(), "CyclicAlias"),
        ("cyclic merge", "name: a\nbehavior: &a {<<: *a}\n".to_owned(), "CyclicAlias"),
        ("deep flow", "[".repeat(100_000), "TooDeep"),
        ("deep block", (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect(), "TooDeep"),
        ("enormous", "a".repeat(100 << 20), "FileTooLarge"),
        ("wide", wide, "TooManyProblems"),
        ("wider", wider, "TooManyValues"),
        ("wide and unusual", unusual, "FileTooLarge"),
        ("many entries", entries, "FileTooLarge"),
        ("many duplicate keys", twice, "DuplicateKey"),
        ("unknown keys", unknown, "TooManyProblems"),
        ("duplicate keys", "a: 1\n".repeat(45_000), "DuplicateKey"),
        ("wide merge", merged, "TooManyValues"),
        ("long line", format!("[{}]", "a, ".repeat(45_000)), "InvalidValue"),
        ("long word", format!("name: {}", "a".repeat(1_000_000)), "InvalidLabName"),
        ("not built", format!("name: a\npublicIPAddresses:\n{public}"), "NotBuiltYet"),
        ("very wrong", format!("name: a\nvirtualMachines:\n{wrong}"), "TooManyProblems"),
    ] {
        let took = time_to_check(&text);
        let (codes, shown) = (codes(&text), problems(&text));
        assert!(codes.contains(&code), "{name}: {:?}", codes.first());
        assert!(took < PATIENCE, "{name}: took {took:?}");
        assert!(shown.len() < 100_000, "{name}: {} bytes of problems", shown.len());
    }
}

fn time_to_check(text: &str) -> Duration {
    let start = time_of_this_thread();
    problems(text);
    time_of_this_thread() - start
}

/// How long this thread has had a processor: the machine may be busy with other tests, which is not the code's fault.
fn time_of_this_thread() -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(statistics.split(' ').next().unwrap().parse().unwrap())
}

/// Lines out of the big example, in any order, with any bytes between.
fn broken_example() -> impl Strategy<Value = String> {
    let lines: Vec<_> = EVERYTHING.lines().map(|line| format!("{line}\n")).collect();
    let piece = prop_oneof![8 => proptest::sample::select(lines), 1 => any::<String>(), 1 => "[ -~]{0,12}\n"];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// The big example with one place overwritten.
fn damaged_example() -> impl Strategy<Value = String> {
    (0..EVERYTHING.len(), 0..40_usize, "[-:{}*&,#'\"a-z0-9\n ]{0,6}").prop_map(|(at, length, text)| {
        let mut damaged = EVERYTHING.to_owned();
        damaged.replace_range(at..(at + length).min(EVERYTHING.len()), &text);
        damaged
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any text is read or refused, soon, and every problem can be shown.
    #[test]
    fn never_panics_and_ends_in_time(
        text in prop_oneof![any::<String>(), "[ -~\n]{0,200}", broken_example(), damaged_example()]
    ) {
        let start = Instant::now();
        let parsed = parse(&text);
        problems(&text);
        let complete = parsed.topology.as_ref().is_some_and(|topology| topology.omitted.is_empty());
        prop_assert!(complete || !parsed.diagnostics.is_empty(), "nothing is left out without a word");
        prop_assert!(start.elapsed() < Duration::from_secs(5));
    }
}
