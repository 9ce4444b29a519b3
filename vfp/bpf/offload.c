/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the SmartNIC does: known flows of accelerated NICs skip the software layers of port and host.
 *
 * Every program runs as a classifier of traffic control and finds out where it is by its filter's class id. None of them
 * decides about a packet: they repeat what the layers below have decided, or leave the packet to them.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "maps.h"
#include "packet.h"
#include "port.h"
#include "tunnel.h"
#include "encryption.h"
#include "switch.h"
#include "guest.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";
