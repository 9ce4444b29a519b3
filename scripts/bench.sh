#!/usr/bin/env bash
# `make bench`: how long the model takes over a large network, what rules cost a new connection, what a sealed record
# costs, how fast packets are on each data path and encrypted, and how long labs take to come up and go beside the bare
# kernel. All but the model and the records need root. Arguments are the number of rounds.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-tools.sh baselines
cargo build --locked --release --workspace --bins --examples
"${CARGO_TARGET_DIR:-target}/release/examples/large_network" "$@"
"${CARGO_TARGET_DIR:-target}/release/examples/rules" "$@"
"${CARGO_TARGET_DIR:-target}/release/examples/records" "$@"
"${CARGO_TARGET_DIR:-target}/release/examples/data_path" "$@"
"${CARGO_TARGET_DIR:-target}/release/examples/encryption" "$@"
exec "${CARGO_TARGET_DIR:-target}/release/examples/up_and_down" "$@"
