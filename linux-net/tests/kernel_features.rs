//! What we believe about the probes.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests fail by unwrapping, and say why they cannot run"
)]

mod common;

use common::{namespace, run, sandboxed};
use linux_net::features::{self, Feature};

/// Every feature is found out, and what is missing is told with a reason and a way to mend it.
#[test]
fn all_features_are_found_out() {
    sandboxed(|| {
        let findings = features::probe();
        let probed: Vec<Feature> = findings.iter().map(|finding| finding.feature).collect();
        assert_eq!(probed, Feature::all());
        for finding in &findings {
            if let Err(missing) = &finding.result {
                println!("{missing:?}");
                assert!(!missing.what.is_empty() && !missing.why.is_empty() && !missing.mend.is_empty());
            }
        }
        // Without these no test of this crate could pass.
        for feature in
            [Feature::NetworkNamespaces, Feature::Veth, Feature::Bridge, Feature::Vxlan, Feature::Nftables]
        {
            let finding = findings.iter().find(|finding| finding.feature == feature).unwrap();
            assert_eq!(finding.result, Ok(()));
        }
    });
}

/// Probing happens in a namespace of its own.
#[test]
fn probes_leave_nothing_behind() {
    sandboxed(|| {
        let a = namespace();
        let state = |a| (run(a, "ip", &["link"]).1, run(a, "nft", &["list", "ruleset"]).1);
        let before = state(&a);
        a.run(features::probe).unwrap();
        assert_eq!(state(&a), before);
    });
}
