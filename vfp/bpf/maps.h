/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the programs know, and the agent writes or reads: ports, unified flows, and where NICs are plugged in.
 *
 * The layouts are written out again in vfp/src/offload/records.rs. Numbers are in the machine's byte order unless their
 * type says otherwise (__be16, __be32).
 */
#pragma once

enum direction {
	INBOUND = 0,
	OUTBOUND = 1,
};

/* A NIC's port. Its place is the number that an agent gave it, its own on this machine and never 0: filters have it as class
 * id, of which a program sees 16 bits. */
struct port {
	/* Of its policy. 0: it is being changed, every packet takes the software way and nothing is learnt. */
	__u32 generation;
	/* The last one that was in force; it is never used for another policy. */
	__u32 last_generation;
	/* The device `up0` of the port's namespace. */
	__u32 uplink;
	/* The device `vf` there; 0: known flows to the guest take the software way, too. */
	__u32 vf;
	/* The VXLAN device of its network, in the host's namespace. */
	__u32 tunnel;
	/* The host's end of the port, there. */
	__u32 device;
	/* The host's device on the underlay, there. */
	__u32 underlay;
	/* The TAP device of its network's encryption, there; 0: this NIC does not encrypt. */
	__u32 encryptor;
	/* The host's provider address and the network's identifier: within it, frames need no tunnel. */
	__u64 network;
	/* Flows learnt, and packets that were not learnt for want of room. */
	__u64 learnt;
	__u64 refused;
	/* The NIC's, by which an agent knows the port again. */
	__u8 mac[6];
	__u8 padding[2];
};

static __always_inline __be32 host_of(__u64 network)
{
	return bpf_htonl(network >> 32);
}

struct flow_key {
	__u32 port;
	__be32 source;
	__be32 destination;
	/* For ICMP echo: the identifier. */
	__be16 source_port;
	/* For ICMP echo: the type, request or reply. */
	__be16 destination_port;
	__u8 protocol;
	__u8 direction;
	__u16 reserved;
};

/* A unified flow: what all layers together do to its packets, which is to give them their next hop. Times are those of
 * CLOCK_MONOTONIC, coarse, in nanoseconds. */
struct flow {
	__u64 packets;
	/* With Ethernet headers. */
	__u64 bytes;
	__u64 learnt;
	/* When a packet last took the flow. */
	__u64 used;
	/* When a packet last took the software way. */
	__u64 checked;
	/* The port's, when it was learnt. */
	__u32 generation;
	__u8 next_hop[6];
	__u8 sender[6];
	/* The number of the next hop's port, if it has one on this machine: the switch looks there first. 0: it has none. */
	__u32 receiver;
	__u32 reserved;
};

/* Where a NIC of this machine is plugged in. Its key is its serial number, the last 24 bits of its Ethernet address. */
struct nic {
	/* As its port has it. */
	__u64 network;
	/* The host's end of its port, in the host's namespace. */
	__u32 device;
	/* Its port's number; 0 for a NIC that is not accelerated. */
	__u32 port;
	__u8 mac[6];
	/* 1 when it encrypts. */
	__u8 encrypts;
	__u8 reserved;
};

/* Which numbers are taken, and by whom. Agents alone use it, to agree among each other. */
struct owner {
	__u8 mac[6];
	__u8 reserved[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct owner);
} owners SEC(".maps");

/* An array, since every packet looks in. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct port);
} ports SEC(".maps");

/* When it is full, the flow that was used least lately makes room: it goes the software way and is learnt again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 524288);
	__type(key, struct flow_key);
	__type(value, struct flow);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct nic);
} nics SEC(".maps");
