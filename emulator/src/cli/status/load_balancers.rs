//! `vnetlab status --load-balancers`: which backends are healthy, and how many connections they have.

use std::net::Ipv4Addr;

use goal_state::load_balancing::{BackendStatus, Health};
use serde::Serialize;

use crate::output::{Columns, Show};

/// All backends of a lab.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LoadBalancers {
    backends: Vec<Row>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    load_balancer: String,
    frontend: String,
    frontend_address: Ipv4Addr,
    rule: String,
    probe: Option<String>,
    network_interface: String,
    address: Ipv4Addr,
    health: Health,
    last_failure: Option<String>,
    flows: Option<u64>,
}

impl LoadBalancers {
    pub(super) fn of(backends: Vec<BackendStatus>) -> Self {
        Self { backends: backends.into_iter().map(Row::from).collect() }
    }
}

impl From<BackendStatus> for Row {
    fn from(status: BackendStatus) -> Self {
        Self {
            load_balancer: status.balancer,
            frontend: status.frontend,
            frontend_address: status.frontend_address,
            rule: status.rule,
            probe: status.probe,
            network_interface: status.backend.to_string(),
            address: status.address,
            health: status.health,
            last_failure: status.last_failure,
            flows: status.flows,
        }
    }
}

impl Show for LoadBalancers {
    fn table(&self) -> String {
        if self.backends.is_empty() {
            return "this lab has no load balancer with backends\n".into();
        }
        let mut columns = Columns::new([
            "LOAD BALANCER",
            "FRONTEND",
            "RULE",
            "PROBE",
            "NIC",
            "ADDRESS",
            "HEALTH",
            "FLOWS",
            "WHY",
        ]);
        self.backends.iter().for_each(|row| columns.row(row.cells()));
        columns.to_string()
    }
}

impl Row {
    fn cells(&self) -> [String; 9] {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
        [
            self.load_balancer.clone(),
            format!("{} {}", self.frontend, self.frontend_address),
            self.rule.clone(),
            or_dash(&self.probe),
            self.network_interface.clone(),
            self.address.to_string(),
            self.health.as_str().to_owned(),
            or_dash(&self.flows.map(|flows| flows.to_string())),
            // Of one that is up it is of yesterday.
            self.last_failure.clone().filter(|_| self.health != Health::Up).unwrap_or_default(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use goal_state::NicId;

    use super::*;

    fn status(vm: &str, last: u8, health: Health, why: Option<&str>) -> BackendStatus {
        BackendStatus {
            balancer: "lb-web".into(),
            frontend: "public".into(),
            frontend_address: [20, 50, 0, 10].into(),
            rule: "http".into(),
            probe: Some("health".into()),
            backend: NicId { vm: vm.parse().unwrap(), nic: "nic0".parse().unwrap() },
            address: [10, 0, 1, last].into(),
            health,
            last_failure: why.map(str::to_owned),
            flows: Some(u64::from(last)),
        }
    }

    #[test]
    fn backends_read_like_this() {
        let all = LoadBalancers::of(vec![
            status("web1", 4, Health::Up, None),
            status("web2", 5, Health::Down, Some("port 80 refuses connections")),
            BackendStatus { probe: None, flows: None, ..status("web3", 6, Health::Unknown, None) },
        ]);
        insta::assert_snapshot!(all.table());
        insta::assert_json_snapshot!(all);
        assert!(LoadBalancers::of(vec![]).table().starts_with("this lab has no"));
    }
}
