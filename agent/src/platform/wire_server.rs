//! WireServer, the channel of the guest's agent, as far as a probe for goal states goes: which versions it speaks, and that the VM shall run.
//!
//! Port 80 speaks the wire protocol, port 32526 is the host's plug-in for extensions.
//! <https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16>

use super::http::{Request, Response};

/// The versions of the wire protocol; the first is preferred.
const VERSIONS: [&str; 9] = [
    "2015-04-05",
    "2012-11-30",
    "2012-09-15",
    "2012-05-15",
    "2011-12-31",
    "2011-10-15",
    "2011-08-31",
    "2011-04-07",
    "2010-12-15",
];
/// The version of the host's plug-in.
const PLUGIN_VERSION: &str = "2015-09-01";

/// Answers on port 80. `vm_id` is the VM's own, and `incarnation` the goal state's generation.
pub(super) fn answer(request: &Request, vm_id: &str, incarnation: u64) -> Response {
    let path = request.path.trim_end_matches('/');
    match (path, request.query("comp")) {
        ("", Some("versions" | "Versions")) => xml(versions()),
        ("/machine", Some("goalstate")) if request.header("x-ms-version").is_none() => {
            Response::text(400, "the header x-ms-version is missing")
        }
        ("/machine", Some("goalstate")) => xml(goal_state(vm_id, incarnation)),
        ("/machine", Some("health" | "telemetrydata")) if request.method == "POST" => Response::text(200, ""),
        _ => Response::text(404, ""),
    }
}

/// Answers on port 32526.
pub(super) fn answer_plugin(request: &Request) -> Response {
    match request.path.trim_end_matches('/') {
        "/versions" => Response::json(200, format!("[\"{PLUGIN_VERSION}\"]")),
        "/health" => Response::text(200, ""),
        _ => Response::text(404, ""),
    }
}

fn xml(body: String) -> Response {
    Response { status: 200, content_type: "text/xml; charset=utf-8", body }
}

fn versions() -> String {
    let [preferred, ..] = VERSIONS;
    let supported: String = VERSIONS.iter().map(|version| format!("<Version>{version}</Version>")).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Versions><Preferred><Version>{preferred}</Version></Preferred><Supported>{supported}</Supported></Versions>"
    )
}

fn goal_state(vm_id: &str, incarnation: u64) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><GoalState xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:noNamespaceSchemaLocation=\"goalstate10.xsd\"><Version>2012-11-30</Version><Incarnation>{incarnation}</Incarnation><Machine><ExpectedState>Started</ExpectedState><StopRolesDeadlineHint>300000</StopRolesDeadlineHint></Machine><Container><ContainerId>{vm_id}</ContainerId></Container></GoalState>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_for_goal_states_is_answered() {
        let ask = |target: &str, headers: &[(&str, &str)]| answer(&Request::get(target, headers), "id-1", 7);
        let versions = ask("/?comp=versions", &[]);
        assert_eq!(versions.status, 200);
        assert!(versions.body.contains("<Preferred><Version>2015-04-05</Version>"), "{}", versions.body);
        assert!(versions.body.contains("<Version>2012-11-30</Version>"));
        let goal = ask("/machine/?comp=goalstate", &[("x-ms-version", "2012-11-30")]);
        assert!(
            goal.body.contains("<Incarnation>7</Incarnation>") && goal.body.contains("id-1"),
            "{}",
            goal.body
        );
        assert_eq!(ask("/machine/?comp=goalstate", &[]).status, 400);
        assert_eq!(ask("/secrets", &[]).status, 404);
    }

    #[test]
    fn the_plug_in_says_its_version() {
        assert_eq!(answer_plugin(&Request::get("/versions", &[])).body, "[\"2015-09-01\"]");
        assert_eq!(answer_plugin(&Request::get("/status", &[])).status, 404);
    }
}
