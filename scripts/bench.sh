#!/usr/bin/env bash
# `make bench`: how long the model takes over a large network, and how long labs take to come up and go beside the bare kernel.
# Labs need root. Arguments are the number of rounds.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --locked --release --workspace --bins --examples
"${CARGO_TARGET_DIR:-target}/release/examples/large_network" "$@"
exec "${CARGO_TARGET_DIR:-target}/release/examples/up_and_down" "$@"
