#!/usr/bin/env bash
# Says what a test run left on this machine.
#   leftovers.sh before FILE   remember what is there now
#   leftovers.sh after FILE    list what has come since; fails when there is something
#
# Looked at: namespaces (by inode, through every process that holds one), processes of vnetlab, mounts, network devices,
# and files in the folders where labs keep their state. A lab that is going away may take a moment, so `after` looks again
# for a few seconds before it complains.
set -euo pipefail

own_group=$(cat /proc/self/cgroup)

# Processes of other control groups (system services, other sessions) come and go by themselves; a lab's stay in ours. A zombie
# holds nothing: it waits for its parent to look.
namespaces() {
    local process kind inode
    for process in /proc/[0-9]*; do
        [ "$(cat "$process/cgroup" 2>/dev/null)" = "$own_group" ] || continue
        ! grep -q '^State:.Z' "$process/status" 2>/dev/null || continue
        for kind in net pid mnt uts ipc user; do
            inode=$(readlink "$process/ns/$kind" 2>/dev/null) || continue
            echo "namespace $inode"
        done
    done
}

processes() {
    local process executable
    for process in /proc/[0-9]*; do
        executable=$(readlink "$process/exe" 2>/dev/null) || continue
        case "${executable##*/}" in
            vnetlab | vnetlab-agent | "vnetlab (deleted)" | "vnetlab-agent (deleted)")
                echo "process ${process#/proc/} $(tr '\0' ' ' <"$process/cmdline" 2>/dev/null)" ;;
        esac
    done
}

mounts() { cut -d' ' -f5,9- /proc/self/mountinfo | sed 's/^/mount /'; }
devices() { ls /sys/class/net | sed 's/^/device /'; }

files() {
    local folder
    # Folders of labs may stay, empty.
    for folder in /run/vnetlab "${XDG_RUNTIME_DIR:-/nonexistent}/vnetlab" /tmp/vnetlab-[0-9]* /run/netns; do
        [ ! -e "$folder" ] || find "$folder" -mindepth 1 -printf 'file %p\n' 2>/dev/null || true
    done
    # Those of the demo and of tests may not.
    find "${TMPDIR:-/tmp}" -maxdepth 1 \( -name 'vnetlab-demo.*' -o -name 'vnetlab-it-*' \) -printf 'file %p\n'
}

inventory() { { namespaces; processes; mounts; devices; files; } | sort -u; }

# The namespaces of this script's own sub-shells are its caller's, so they are in both lists.
case "${1:-}" in
    before) inventory >"$2" ;;
    after)
        for _ in $(seq 20); do
            new=$(comm -13 "$2" <(inventory))
            [ -n "$new" ] || break
            sleep 0.25
        done
        if [ -n "$new" ]; then
            echo "left over: $(wc -l <<<"$new")" >&2
            echo "$new" >&2
            exit 1
        fi
        for kind in namespace process mount device file; do
            printf '%s %s, ' "$(grep -c "^$kind " "$2" || true)" "${kind}s"
        done | sed -e 's/processs/processes/' -e 's/, $/: as many as before, nothing is left over\n/' ;;
    *) echo "usage: $0 before|after FILE" >&2; exit 2 ;;
esac
