# The two commands to know are `make demo` and `make test`. Each installs what is missing, in either order.

export PATH := $(abspath $(or $(CARGO_TARGET_DIR),target))/tools/bin:$(PATH)

.PHONY: help demo test lint bench build bpf install-tools install-compiler install-dissector clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

demo: build ## Bring up topologies/hub-spoke.yaml, use it, take it down
	@scripts/demo.sh

test: install-tools install-compiler install-dissector ## Format, lints, unit, snapshot and integration tests, then the demo; nothing may be left over
	@scripts/test.sh

lint: install-tools ## rustfmt, clippy, rustdoc and, where installed, cargo-deny and shellcheck
	@scripts/lint.sh

bench: install-tools ## Time the model over a large network, packets on each data path and encrypted, and `up` and `down`; writes target/bench/
	@scripts/bench.sh

build: install-tools ## Build `vnetlab` and `vnetlab-agent` into target/debug
	cargo build --locked --workspace --bins

bpf: install-compiler ## Compile the BPF programs; their objects belong to the repository
	@scripts/build-bpf.sh

install-tools: ## Install the tools that labs and tests use
	@scripts/install-tools.sh

# The one that the objects in the repository are made with, where it is to be had.
install-compiler:
	@scripts/install-tools.sh compiler

# By which tests read what is on the wire, where it is to be had.
install-dissector:
	@scripts/install-tools.sh dissector

clean: ## Remove everything that was built
	cargo clean
