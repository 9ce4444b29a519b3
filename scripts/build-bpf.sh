#!/usr/bin/env bash
# `make bpf`: compiles the BPF programs. The objects are in the repository, because a user needs no C compiler; who changes a program
# commits its object with it.
#   build-bpf.sh           makes every object anew
#   build-bpf.sh --check   makes them elsewhere and fails when one has other bytes; 2 when this machine cannot tell
# The bytes depend on the source and on the release of the compiler alone: not on the place of the checkout, not on the day. So one
# release is the reference, Debian 12's, and an object says in its section .comment which one made it.
set -euo pipefail
cd "$(dirname "$0")/.."

clang=clang-14
objcopy=llvm-objcopy-14

# One object per crate, from one file that includes the others of its folder.
objects=(
    linux-net/tests/bpf/count
    vfp/bpf/offload
    emulator/bpf/fabric
)

# Says what is missing to compile at all.
lacks() {
    local program
    for program in "$clang" "$objcopy"; do
        command -v "$program" >/dev/null || { echo "$program is not installed (apt-get install clang-14 llvm-14)"; return; }
    done
    [ -e /usr/include/bpf/bpf_helpers.h ] || echo "there is no bpf/bpf_helpers.h (apt-get install libbpf-dev)"
}

release() { "$clang" --version | head -n 1; }

# build NAME OBJECT: a relative path, so that the lines that the kernel shows beside a program's instructions name no folder of ours.
# What debuggers want goes; what the kernel wants (BTF) stays.
build() {
    local name=$1 object=$2
    "$clang" -target bpf -mcpu=v3 -O2 -g -Wall -Werror \
        -I"/usr/include/$(uname -m)-linux-gnu" -ffile-prefix-map="$PWD"=. -c "$name.c" -o "$object"
    "$objcopy" --strip-debug --add-section .comment=<(release) "$object"
}

made_by() { "$objcopy" --dump-section .comment=/dev/stdout "$1" /dev/null; }

check() {
    local name folder status=0
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    for name in "${objects[@]}"; do
        [ -e "$name.c" ] || continue
        [ -e "$name.bpf.o" ] || { echo "$name.bpf.o is missing: run make bpf"; status=1; continue; }
        if [ "$(made_by "$name.bpf.o")" != "$(release)" ]; then
            echo "$name.bpf.o was made by another compiler, so it cannot be compared: $(made_by "$name.bpf.o"), here $(release)"
            exit 2
        fi
        build "$name" "$folder/object"
        cmp -s "$folder/object" "$name.bpf.o" || { echo "$name.bpf.o is not what its source makes: run make bpf"; status=1; }
    done
    [ "$status" != 0 ] || echo "every object is what its source makes with $(release)"
    exit "$status"
}

lack=$(lacks)
[ -z "$lack" ] || { echo "BPF programs cannot be compiled: $lack"; exit 2; }
case "${1:-}" in
    --check) check ;;
    "")
        for name in "${objects[@]}"; do
            [ ! -e "$name.c" ] || { build "$name" "$name.bpf.o"; echo "$name.bpf.o: $(stat -c %s "$name.bpf.o") bytes"; }
        done ;;
    *) echo "usage: $0 [--check]" >&2; exit 1 ;;
esac
