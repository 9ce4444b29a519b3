#!/usr/bin/env bash
# Installs what vnetlab and its tests need and this machine lacks. Does nothing, quickly, when nothing is missing.
#   install-tools.sh            what nothing works without
#   install-tools.sh compiler   the compiler of the BPF programs, see build-bpf.sh; where there is none to be had, goes without
#   install-tools.sh dissector  tshark, by which tests see what is on the wire; where there is none to be had, goes without
#   install-tools.sh baselines  tunnels in user space beside which ours is measured; what is not to be had is left out
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# Command and the Debian and Ubuntu package that has it.
packages_by_command="
nft nftables
ip iproute2
bridge iproute2
tc iproute2
ping iputils-ping
iperf3 iperf3
tcpdump tcpdump
nc netcat-openbsd
ethtool ethtool
curl curl
ps procps
sysctl procps
setpriv util-linux
unshare util-linux
nsenter util-linux
mount mount
cc gcc
"

missing_packages() {
    while read -r command package; do
        [ -z "$command" ] || command -v "$command" >/dev/null || echo "$package"
    done <<<"$packages_by_command" | sort -u
    # A C compiler without the C library's headers does not link Rust programs.
    [ -e /usr/include/stdio.h ] || echo libc6-dev
}

# What of the compiler is missing. Debian 12 has it, newer systems may not.
missing_compiler() {
    command -v clang-14 >/dev/null || echo clang-14
    command -v llvm-objcopy-14 >/dev/null || echo llvm-14
    [ -e /usr/include/bpf/bpf_helpers.h ] || echo libbpf-dev
    [ -e /usr/include/linux/bpf.h ] || echo linux-libc-dev
}

install_compiler() {
    local packages
    mapfile -t packages < <(missing_compiler)
    install_or_go_without "${packages[@]}"
}

install_dissector() {
    command -v tshark >/dev/null || install_or_go_without tshark
}

# Rust's WireGuard is in no Debian: it is built, into target/ as cargo-nextest is.
install_baselines() {
    local packages=()
    command -v wg >/dev/null || packages+=(wireguard-tools)
    command -v wireguard-go >/dev/null || packages+=(wireguard-go)
    install_or_go_without "${packages[@]}"
    [ -x "${CARGO_TARGET_DIR:-target}/tools/bin/boringtun-cli" ] \
        || cargo install boringtun-cli --version 0.7.1 --locked --root "${CARGO_TARGET_DIR:-target}/tools" \
        || echo "going without: boringtun-cli"
}

install_or_go_without() {
    local packages=("$@") package
    [ "${#packages[@]}" != 0 ] || return 0
    # Lists are empty on a fresh machine; where they are not, they are believed.
    if compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null; then
        for package in "${packages[@]}"; do
            apt-cache show "$package" >/dev/null 2>&1 || { echo "apt-get has no $package: going without"; return; }
        done
    fi
    (install_packages "${packages[@]}") || echo "going without: ${packages[*]}"
}

install_packages() {
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || { echo "not root and no sudo: please install these packages: $*" >&2; exit 1; }
        as_root=(sudo)
    fi
    command -v apt-get >/dev/null || { echo "no apt-get: please install the equivalents of these packages: $*" >&2; exit 1; }
    echo "installing $*"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

check_rust() {
    command -v cargo >/dev/null || { echo "Rust is missing: install it from https://rustup.rs" >&2; exit 1; }
    local wanted have
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    have=$(rustc --version | cut -d' ' -f2)
    if [ "$(printf '%s\n' "$wanted" "$have" | sort -V | head -n 1)" != "$wanted" ]; then
        echo "rustc $have is too old, vnetlab needs $wanted: rustup update stable" >&2
        exit 1
    fi
    cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
    cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
}

case "${1:-}" in
compiler | dissector | baselines)
    "install_$1"
    exit
    ;;
esac
mapfile -t packages < <(missing_packages)
[ "${#packages[@]}" = 0 ] || install_packages "${packages[@]}"
check_rust
# Into target/, so that nobody's own cargo-nextest is replaced. A debug build is made in half the time and runs tests as fast.
command -v cargo-nextest >/dev/null || [ -x "${CARGO_TARGET_DIR:-target}/tools/bin/cargo-nextest" ] \
    || cargo install cargo-nextest --locked --debug --root "${CARGO_TARGET_DIR:-target}/tools"
