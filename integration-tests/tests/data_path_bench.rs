//! The program that measures the data path measures all that it is to: packets get through everywhere, and it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it expects by unwrapping it")]

use std::fs;
use std::process::Command;

use integration_tests::{Finished, User, Workbench};
use serde_json::Value;

/// Nothing is said about how fast: the machine is busy with other tests.
#[test]
fn every_figure_is_measured_offloaded_as_root() {
    let mut bench = Workbench::new(User::Root);
    let example = bench.programs().join("examples/data_path");
    bench.copy_programs();
    // It looks for the programs above itself, and writes beside them.
    let folder = bench.programs().join("examples");
    fs::create_dir(&folder).unwrap();
    let copy = folder.join("data_path");
    fs::copy(example, &copy).expect("built by `cargo build --workspace --bins --examples`");
    // As if it went before all others already: it does not go before other tests.
    let mut measure = Command::new(copy);
    let table = Finished::run(measure.arg("1").env("VNETLAB_BENCH_FIRST", "1")).ok();
    let measured = fs::read_to_string(bench.folder().join("bench/data_path.json")).unwrap();
    let measured: Value = serde_json::from_str(&measured).unwrap();
    let figures = measured["figures"].as_array().unwrap();
    assert_eq!(figures.len(), 15, "{table}");
    for figure in figures {
        let value = |name: &str| figure[name].as_f64().unwrap();
        assert!(value("median") > 0.0 && value("baseline") > 0.0 && value("ratio").is_finite(), "{figure}");
        assert_eq!(figure["met"].as_bool().unwrap(), table_says_met(&table, figure), "{table}");
    }
}

/// The line about this figure ends by saying so.
fn table_says_met(table: &str, figure: &Value) -> bool {
    let text = |name: &str| figure[name].as_str().unwrap();
    let (begin, beside) =
        (format!("| {} | {} |", text("what"), text("of")), format!("| {} |", text("beside")));
    let line = table.lines().find(|line| line.starts_with(&begin) && line.contains(&beside)).unwrap();
    line.ends_with("| met |")
}
