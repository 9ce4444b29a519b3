//! What is wanted, and whether it was met.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use integration_tests::figures::median;
use serde_json::{Value, json};

/// What is measured of a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Measure {
    P50,
    P99,
    Throughput,
    Packets,
    Cpu,
}

/// All rounds of everything: by way and measure.
#[derive(Default)]
pub(crate) struct Record(BTreeMap<(&'static str, Measure), Vec<f64>>);

struct Figure {
    measure: Measure,
    ours: &'static str,
    baseline: &'static str,
    wanted: Wanted,
}

/// Of ours divided by the baseline.
#[derive(Clone, Copy)]
enum Wanted {
    AtLeast(f64),
    AtMost(f64),
    More,
    Less,
}

const FIGURES: [Figure; 15] = {
    use Measure::{Cpu, P50, P99, Packets, Throughput};
    use Wanted::{AtLeast, AtMost, Less, More};
    const fn figure(measure: Measure, ours: &'static str, baseline: &'static str, wanted: Wanted) -> Figure {
        Figure { measure, ours, baseline, wanted }
    }
    [
        figure(Throughput, "accelerated", "veth pair", AtLeast(0.95)),
        figure(P50, "accelerated", "veth pair", AtMost(1.15)),
        figure(P50, "accelerated", "bridge", Less),
        figure(Throughput, "accelerated, across hosts", "VXLAN pair", AtLeast(1.0)),
        figure(P50, "accelerated, across hosts", "VXLAN pair", AtMost(1.0)),
        figure(P50, "accelerated", "synthetic", Less),
        figure(P99, "accelerated", "synthetic", Less),
        figure(Packets, "accelerated", "synthetic", More),
        figure(Cpu, "accelerated", "synthetic", Less),
        figure(P50, "accelerated, across hosts", "synthetic, across hosts", Less),
        figure(P99, "accelerated, across hosts", "synthetic, across hosts", Less),
        figure(Packets, "accelerated, across hosts", "synthetic, across hosts", More),
        figure(Cpu, "accelerated, across hosts", "synthetic, across hosts", Less),
        figure(P50, "1000 rules", "1 rule", AtMost(1.02)),
        figure(P50, "100,000 flows", "100 flows", AtMost(1.1)),
    ]
};

impl Measure {
    const ALL: [Self; 5] = [Self::P50, Self::P99, Self::Throughput, Self::Packets, Self::Cpu];

    fn name(self) -> &'static str {
        match self {
            Self::P50 => "round trip p50, µs",
            Self::P99 => "round trip p99, µs",
            Self::Throughput => "TCP, Gbit/s",
            Self::Packets => "thousand packets/s",
            Self::Cpu => "CPU per packet, ns",
        }
    }
}

impl Record {
    pub(crate) fn add(&mut self, way: &'static str, measure: Measure, value: f64) {
        self.0.entry((way, measure)).or_default().push(value);
    }

    fn median(&self, way: &'static str, measure: Measure) -> Option<f64> {
        self.0.get(&(way, measure)).cloned().map(median)
    }

    fn best(&self, way: &'static str, measure: Measure) -> f64 {
        let rounds = self.0[&(way, measure)].iter().copied();
        match measure {
            Measure::Throughput | Measure::Packets => rounds.fold(0.0, f64::max),
            Measure::P50 | Measure::P99 | Measure::Cpu => rounds.fold(f64::INFINITY, f64::min),
        }
    }

    pub(crate) fn markdown(&self) -> String {
        let rounds = self.0.values().map(Vec::len).min().unwrap_or(0);
        let mut text = format!(
            "Medians of {rounds} rounds in which all take turns; the ratio is the median of the rounds' own. *At best*: each \
             one's best round.\n\n\
             | figure | of | | beside | | ratio | at best | wanted | |\n|---|---|---|---|---|---|---|---|---|\n"
        );
        for figure in FIGURES {
            let Some(Result { ours, baseline, ratio, at_best, met }) = figure.result(self) else { continue };
            let Figure { measure, ours: way, baseline: other, wanted } = figure;
            let met = if met { "met" } else { "not met" };
            let name = measure.name();
            writeln!(
                text,
                "| {name} | {way} | {ours:.2} | {other} | {baseline:.2} | {ratio:.2} | {at_best:.2} | {wanted} | {met} |"
            )
            .unwrap();
        }
        text.push_str("\n| |");
        Measure::ALL.iter().for_each(|measure| write!(text, " {} |", measure.name()).unwrap());
        text.push_str("\n|---|---|---|---|---|---|\n");
        for way in self.ways() {
            write!(text, "| {way} |").unwrap();
            for measure in Measure::ALL {
                let value = self.median(way, measure).map(|value| format!("{value:.2}"));
                write!(text, " {} |", value.as_deref().unwrap_or("–")).unwrap();
            }
            text.push('\n');
        }
        text
    }

    pub(crate) fn json(&self) -> Value {
        let figures: Vec<_> = FIGURES
            .iter()
            .filter_map(|figure| {
                let Result { ours, baseline, ratio, at_best, met } = figure.result(self)?;
                let Figure { measure, ours: way, baseline: other, wanted } = figure;
                Some(json!({
                    "what": measure.name(), "of": way, "beside": other, "median": ours, "baseline": baseline,
                    "ratio": ratio, "ratioAtBest": at_best, "wanted": wanted.to_string(), "met": met,
                }))
            })
            .collect();
        let rounds: Vec<_> = self
            .0
            .iter()
            .map(|((way, measure), rounds)| json!({"of": way, "what": measure.name(), "rounds": rounds}))
            .collect();
        json!({"figures": figures, "measured": rounds})
    }

    fn ways(&self) -> Vec<&'static str> {
        let mut ways: Vec<_> = self.0.keys().map(|(way, _)| *way).collect();
        ways.dedup();
        ways
    }
}

struct Result {
    ours: f64,
    baseline: f64,
    ratio: f64,
    at_best: f64,
    met: bool,
}

impl Figure {
    fn result(&self, record: &Record) -> Option<Result> {
        let ours = record.median(self.ours, self.measure)?;
        let baseline = record.median(self.baseline, self.measure)?;
        let [rounds, others] = [self.ours, self.baseline].map(|way| &record.0[&(way, self.measure)]);
        let ratio = median(rounds.iter().zip(others).map(|(ours, baseline)| ours / baseline).collect());
        let [best, other] = [self.ours, self.baseline].map(|way| record.best(way, self.measure));
        Some(Result { ours, baseline, ratio, at_best: best / other, met: self.wanted.is_met(ratio) })
    }
}

impl Wanted {
    fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(least) => ratio >= least,
            Self::AtMost(most) => ratio <= most,
            Self::More => ratio > 1.0,
            Self::Less => ratio < 1.0,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "at least {least}"),
            Self::AtMost(most) => write!(f, "at most {most}"),
            Self::More => f.write_str("more"),
            Self::Less => f.write_str("less"),
        }
    }
}
