#!/usr/bin/env bash
# `make test`: everything, in the order of what fails soonest. Nothing may be left on the machine afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

ordinary_user=65534             # nobody; the same as in integration-tests/src/user.rs

# Tests that this machine cannot run are filtered out by name, so that nextest counts them as skipped.
filter="all()"
skip() { echo "skipped: $1 tests: $2"; filter="$filter and not test(/$1/)"; }

can_make_user_namespaces() {
    local as=()
    [ "$(id -u)" != 0 ] || as=(setpriv --reuid "$ordinary_user" --regid "$ordinary_user" --clear-groups)
    "${as[@]}" unshare --user --map-root-user --net --mount mount -t tmpfs none /mnt 2>/dev/null
}

why_no_user_namespaces() {
    if [ "$(sysctl -n kernel.apparmor_restrict_unprivileged_userns 2>/dev/null)" = 1 ]; then
        echo "AppArmor forbids user namespaces to ordinary users: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    elif [ "$(sysctl -n kernel.unprivileged_userns_clone 2>/dev/null)" = 0 ]; then
        echo "user namespaces are closed to ordinary users: sysctl -w kernel.unprivileged_userns_clone=1"
    elif [ "$(sysctl -n user.max_user_namespaces 2>/dev/null)" = 0 ]; then
        echo "user namespaces are switched off: sysctl -w user.max_user_namespaces=10000"
    else
        echo "an ordinary user cannot make user namespaces here (a container?)"
    fi
}

[ "$(id -u)" = 0 ] || skip as_root "not root"
reason=$(scripts/build-bpf.sh --check) || [ "$?" != 2 ] || skip prebuilt_bpf "$reason"
can_make_user_namespaces || skip rootless "$(why_no_user_namespaces)"
command -v nginx >/dev/null || skip nginx "no nginx (its package would start a server on this machine: apt-get install nginx-light)"
command -v tshark >/dev/null || skip dissected "no tshark: scripts/install-tools.sh dissector"
export VNETLAB_NO_OFFLOAD= VNETLAB_TEST_ENCRYPTION=      # what is tested here is said here

# Whether all works that is there for this purpose, in the words of `vnetlab doctor` without blanks.
works() {
    local findings
    findings=$("${CARGO_TARGET_DIR:-target}/debug/vnetlab" doctor --output json | tr -d ' \n')
    [[ "$findings" =~ \"purpose\":\"$1 ]] && ! [[ "$findings" =~ \"purpose\":\"$1[^}]*\"works\":false ]]
}
can_load_bpf() { works acceleratednetworking; }
can_encrypt() { works VNetencryption; }

before=$(mktemp)
trap 'rm -f "$before"' EXIT
scripts/leftovers.sh before "$before"

echo "== rustfmt, clippy"
cargo fmt --all --check
cargo clippy --locked --workspace --all-targets -- -D warnings

echo "== unit, snapshot and integration tests"
cargo build --locked --workspace --bins
can_load_bpf || skip offloaded "this machine does not load BPF: vnetlab doctor"
cargo nextest run --locked --workspace -E "$filter"
everything=$filter

# The same over again where known flows are not carried by BPF. Without root, and where the machine loads none, they never are.
if [ "$(id -u)" = 0 ] && can_load_bpf; then
    echo "== integration tests without BPF"
    skip offloaded "without BPF"
    VNETLAB_NO_OFFLOAD=1 VNETLAB_RANDOM_NETWORKS=100 \
        cargo nextest run --locked --package integration-tests -E "$filter and not test(/rootless/)"
fi

# What carries packets and decides about them, once more where all of it is encrypted between hosts.
if [ "$(id -u)" != 0 ] || ! can_encrypt; then
    echo "skipped: integration tests with VNet encryption: not root, or no TAP devices: vnetlab doctor"
else
    echo "== integration tests with VNet encryption"
    filter=$everything
    skip while_the_agent_is_stopped "the agent seals what is encrypted"
    skip an_agent_comes_back "the agent seals what is encrypted"
    skip on_one_host "nothing is encrypted on one host"
    skip connection_tracking_knows "nothing is encrypted on one host"
    skip a_change_that_takes_a_restart "encryption is switched with accelerated networking"
    stories='acceleration|data_path_commands|drops|ecmp|every_pair|fabric|faults|guest_view|host_servicing'
    stories="$stories|policy_stays_true|port_reads_like_azure|security_admin_rules|shipped_topologies|up_and_down|vf_torn_away|virtual_machines"
    VNETLAB_TEST_ENCRYPTION=1 cargo nextest run --locked --package integration-tests \
        -E "$filter and not test(/rootless/) and binary(/^($stories)\$/)"
fi

echo "== make demo"
scripts/demo.sh

echo "== leftovers"
scripts/leftovers.sh after "$before"
