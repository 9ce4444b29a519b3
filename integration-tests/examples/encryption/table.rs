//! What is wanted, and whether it was met.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use integration_tests::figures::median;
use serde_json::{Value, json};

use crate::network::SYNTHETIC;

/// The name of the way that this is about.
pub(crate) const OURS: &str = "VM to VM, encrypted";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Measure {
    OneStream,
    FourStreams,
    Cpu,
    Packets,
    P50,
    Added,
    Associations,
    Memory,
}

/// All rounds of everything: by subject and measure.
#[derive(Default)]
pub(crate) struct Record {
    rounds: BTreeMap<(&'static str, Measure), Vec<f64>>,
    left_out: Vec<(&'static str, String)>,
}

struct Figure {
    measure: Measure,
    /// Whose figure ours is divided by; none where it stands for itself.
    baseline: Option<&'static str>,
    wanted: Wanted,
}

#[derive(Clone, Copy)]
enum Wanted {
    AtLeast(f64),
    AtMost(f64),
}

const FIGURES: [Figure; 11] = {
    use Measure::{Added, Associations, Cpu, FourStreams, Memory, OneStream, Packets};
    use Wanted::{AtLeast, AtMost};
    const fn beside(measure: Measure, baseline: &'static str, wanted: Wanted) -> Figure {
        Figure { measure, baseline: Some(baseline), wanted }
    }
    [
        beside(OneStream, "boringtun", AtLeast(10.0)),
        beside(FourStreams, "boringtun", AtLeast(10.0)),
        beside(OneStream, "wireguard-go", AtLeast(10.0)),
        beside(FourStreams, "wireguard-go", AtLeast(10.0)),
        beside(OneStream, SYNTHETIC, AtLeast(0.35)),
        beside(FourStreams, SYNTHETIC, AtLeast(0.35)),
        beside(Cpu, "boringtun", AtMost(0.1)),
        beside(Packets, "boringtun", AtLeast(2.5)),
        beside(Added, "boringtun", AtMost(1.0)),
        Figure { measure: Associations, baseline: None, wanted: AtLeast(1000.0) },
        Figure { measure: Memory, baseline: None, wanted: AtMost(40.0) },
    ]
};

impl Measure {
    /// Those that every subject has.
    const OF_ALL: [Self; 6] =
        [Self::OneStream, Self::FourStreams, Self::Cpu, Self::Packets, Self::P50, Self::Added];

    fn name(self) -> &'static str {
        match self {
            Self::OneStream => "TCP, 1 stream, Gbit/s",
            Self::FourStreams => "TCP, 4 streams, Gbit/s",
            Self::Cpu => "CPU per byte of both ends' processes, ns",
            Self::Packets => "thousand packets of 64 bytes/s",
            Self::P50 => "round trip p50, µs",
            Self::Added => "added to the plain path's p50, µs",
            Self::Associations => "associations opened per second, of 1,024",
            Self::Memory => "memory of an agent per association, kB",
        }
    }
}

impl Record {
    pub(crate) fn add(&mut self, subject: &'static str, measure: Measure, value: f64) {
        self.rounds.entry((subject, measure)).or_default().push(value);
    }

    /// Nothing is measured of `what`, because of `why`.
    pub(crate) fn leave_out(&mut self, what: &'static str, why: String) {
        self.left_out.push((what, why));
    }

    pub(crate) fn markdown(&self) -> String {
        let rounds = self.of("veth pair", Measure::OneStream).len();
        let mut text = format!(
            "Medians of {rounds} rounds in which all take turns; the ratio is the median of the rounds' own, with the smallest and \
             the largest.\n\n| figure | encrypted | beside | | ratio | | wanted | |\n|---|---|---|---|---|---|---|---|\n"
        );
        for figure in &FIGURES {
            let Some(result) = figure.result(self) else { continue };
            let Result { ours, beside, ratio, least, most, met } = result;
            let beside = beside.map_or("| |".to_owned(), |(name, value)| format!("| {name} | {value:.2}"));
            let met = if met { "met" } else { "not met" };
            let (name, wanted) = (figure.measure.name(), figure.wanted());
            let range =
                if figure.baseline.is_some() { format!("{least:.2} to {most:.2}") } else { String::new() };
            let ratio = if figure.baseline.is_some() { format!("{ratio:.2}") } else { String::new() };
            writeln!(text, "| {name} | {ours:.2} {beside} | {ratio} | {range} | {wanted} | {met} |").unwrap();
        }
        self.write_all(&mut text);
        for (what, why) in &self.left_out {
            writeln!(text, "\nNothing is measured of {what}: {why}.").unwrap();
        }
        text
    }

    /// Every median, subject by subject.
    fn write_all(&self, text: &mut String) {
        text.push_str("\n| |");
        Measure::OF_ALL.iter().for_each(|measure| write!(text, " {} |", measure.name()).unwrap());
        text.push_str("\n|---|---|---|---|---|---|---|\n");
        let mut subjects: Vec<_> = self.rounds.keys().map(|(subject, _)| *subject).collect();
        subjects.dedup();
        for subject in subjects {
            write!(text, "| {subject} |").unwrap();
            for measure in Measure::OF_ALL {
                let rounds = self.of(subject, measure);
                match rounds.is_empty() {
                    true => text.push_str(" – |"),
                    false => write!(text, " {:.2} |", median(rounds.to_vec())).unwrap(),
                }
            }
            text.push('\n');
        }
    }

    pub(crate) fn json(&self) -> Value {
        let figures: Vec<_> = FIGURES
            .iter()
            .filter_map(|figure| {
                let Result { ours, beside, ratio, least, most, met } = figure.result(self)?;
                Some(json!({
                    "what": figure.measure.name(), "median": ours, "beside": beside.map(|(name, _)| name),
                    "baseline": beside.map(|(_, value)| value), "ratio": ratio, "least": least, "most": most,
                    "wanted": figure.wanted(), "met": met,
                }))
            })
            .collect();
        let measured: Vec<_> = self
            .rounds
            .iter()
            .map(|((of, measure), rounds)| json!({"of": of, "what": measure.name(), "rounds": rounds}))
            .collect();
        let left_out: Vec<_> =
            self.left_out.iter().map(|(what, why)| json!({"what": what, "why": why})).collect();
        json!({"figures": figures, "measured": measured, "leftOut": left_out})
    }

    fn of(&self, subject: &'static str, measure: Measure) -> &[f64] {
        self.rounds.get(&(subject, measure)).map_or(&[], Vec::as_slice)
    }
}

struct Result {
    ours: f64,
    beside: Option<(&'static str, f64)>,
    /// What is compared with what is wanted.
    ratio: f64,
    least: f64,
    most: f64,
    met: bool,
}

impl Figure {
    fn result(&self, record: &Record) -> Option<Result> {
        let ours = record.of(OURS, self.measure);
        let baseline = self.baseline.map(|name| (name, record.of(name, self.measure)));
        let ratios: Vec<f64> = match baseline {
            Some((_, rounds)) => ours.iter().zip(rounds).map(|(ours, baseline)| ours / baseline).collect(),
            None => ours.to_vec(),
        };
        if ratios.is_empty() {
            return None;
        }
        let ratio = median(ratios.clone());
        Some(Result {
            ours: median(ours.to_vec()),
            beside: baseline.map(|(name, rounds)| (name, median(rounds.to_vec()))),
            ratio,
            least: ratios.iter().copied().fold(f64::INFINITY, f64::min),
            most: ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            met: match self.wanted {
                Wanted::AtLeast(least) => ratio >= least,
                Wanted::AtMost(most) => ratio <= most,
            },
        })
    }

    fn wanted(&self) -> String {
        match self.wanted {
            Wanted::AtLeast(least) => format!("at least {least}"),
            Wanted::AtMost(most) => format!("at most {most}"),
        }
    }
}
