#!/usr/bin/env bash
# `make demo`: a hub-and-spoke network over three emulated hosts, used and taken down again. Needs no terminal.
# Leaves nothing behind, whatever step fails: the lab's state is in a folder of this run, and the lab goes with it.
set -euo pipefail
cd "$(dirname "$0")/.."

VNETLAB_STATE_DIR=$(mktemp -d "${TMPDIR:-/tmp}/vnetlab-demo.XXXXXX")
export VNETLAB_STATE_DIR
vnetlab=${CARGO_TARGET_DIR:-target}/debug/vnetlab

clean_up() {
    "$vnetlab" down --all >/dev/null 2>&1 || true
    rm -rf "$VNETLAB_STATE_DIR"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Shows a command and runs it. The first argument is the exit status that it must have.
show() {
    local expected=$1 status=0
    shift
    printf '\n$ vnetlab %s\n' "$*"
    "$vnetlab" "$@" || status=$?
    [ "$status" = "$expected" ] || { echo "exit status $status instead of $expected" >&2; exit 1; }
}

show 0 up topologies/hub-spoke.yaml
show 0 status -o table
show 0 ping web1 app1 -c 3
show 0 iperf web1 app1 -t 2
# Denied, so the exit status is 1; 3 would mean that the packet did not meet the fate that the model foretells.
show 1 explain --from web1 --to app1 --protocol Tcp --port 22 --prove -o table
show 0 test -o table
show 0 down hub-spoke

echo
echo "The network is gone. Yours: $vnetlab up topologies/hub-spoke.yaml"
