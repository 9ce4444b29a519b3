#!/usr/bin/env bash
# `make bench`: how long labs take to come up and go, beside the bare kernel. Needs root.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --locked --release --workspace --bins --examples
exec "${CARGO_TARGET_DIR:-target}/release/examples/up_and_down" "$@"
