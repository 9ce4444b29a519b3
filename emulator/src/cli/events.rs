//! `vnetlab events`: what the guests' kernels logged about their data paths, in the words of Linux's hv_netvsc driver.

use std::process::ExitCode;

use anyhow::Result;
use goal_state::NicId;
use goal_state::data_path::{DataPath, DataPathEvent};
use serde::Serialize;

use super::log::{self, Told, Words, time};
use crate::controller::protocol::{Page, Request, Response, Turn};
use crate::output::Format;

pub(super) fn run(args: &log::Args, format: Format) -> Result<ExitCode> {
    log::run(args, |_: &DataPathEvent| true, format)
}

/// A line of a guest's kernel log.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    /// RFC 3339, UTC.
    time: String,
    /// `vm/nic`.
    network_interface: String,
    /// The data path from here on.
    path: DataPath,
    /// What the kernel said.
    line: String,
}

impl Told for DataPathEvent {
    type Row = Row;
    const WORDS: Words = Words {
        one: "event",
        many: "events",
        meanwhile: "what happened meanwhile",
        gap: "events may be missing: an agent was started again, or its host told more than could be read",
    };
    const HEADINGS: &'static [&'static str] = &["TIME", "NIC", "PATH", "LINE"];
    const WIDTHS: &'static [usize] = &[27, 16, 9];

    fn request(turn: Turn) -> Request {
        Request::DataPathEvents(turn)
    }

    fn page(response: Response) -> Result<Page<Self>, Box<Response>> {
        match response {
            Response::DataPathEvents(page) => Ok(page),
            other => Err(Box::new(other)),
        }
    }

    fn time_us(&self) -> u64 {
        self.time_us
    }

    fn nic(&self) -> Option<&NicId> {
        Some(&self.nic)
    }

    fn row(&self) -> Row {
        let Self { time_us, nic, path, line } = self;
        Row { time: time(*time_us), network_interface: nic.to_string(), path: *path, line: line.clone() }
    }

    fn cells(&self) -> Vec<String> {
        let Row { time, network_interface, path, line } = self.row();
        vec![time, network_interface, path.as_str().to_owned(), line]
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::cli::log::logged::{Logged, header, line};
    use crate::output::Show;

    pub(in crate::cli) fn switched() -> DataPathEvent {
        DataPathEvent {
            time_us: 1_795_000_000_123_456,
            nic: NicId { vm: "web1".parse().unwrap(), nic: "nic0".parse().unwrap() },
            path: DataPath::Vf,
            line: "eth0: Data path switched to VF: enP1s1np0".into(),
        }
    }

    #[test]
    fn events_read_like_this() {
        let offered = DataPathEvent {
            path: DataPath::VfOffered,
            line: "eth0: VF registering: enP1s1np0".into(),
            ..switched()
        };
        let events = Logged { value: vec![offered, switched()], gaps: 1, ..Logged::default() };
        insta::assert_snapshot!(events.table());
        insta::assert_json_snapshot!(events);
    }

    #[test]
    fn an_event_that_is_followed_is_one_line_or_one_document() {
        let table = header::<DataPathEvent>() + &line(&switched(), Format::Table).unwrap();
        insta::assert_snapshot!(table, @r"
        TIME                         NIC               PATH       LINE
        2026-11-18T11:06:40.123456Z  web1/nic0         vf         eth0: Data path switched to VF: enP1s1np0
        ");
        let json = line(&switched(), Format::Json).unwrap();
        assert_eq!(
            json,
            "{\"time\":\"2026-11-18T11:06:40.123456Z\",\"networkInterface\":\"web1/nic0\",\"path\":\"vf\",\"line\":\"eth0: Data path switched to VF: enP1s1np0\"}\n"
        );
        let yaml = line(&switched(), Format::Yaml).unwrap();
        assert!(yaml.starts_with("---\n") && yaml.contains("path: vf\n"), "{yaml}");
    }
}
