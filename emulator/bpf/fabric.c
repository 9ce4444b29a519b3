/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The fabric's shortcut: what a host sends to another host goes there, past the bridge between them.
 *
 * The program sees what comes in from a host by its port. It knows who is where from a map and learns nothing. Broadcasts
 * (ARP's questions), and whom it does not know, it leaves to the bridge.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

/* An Ethernet address, as one aligned number. */
struct address {
	__u8 bytes[ETH_ALEN];
	__u8 zero[2];
};

/* As many as a bridge has ports. The value is the index of the port's device. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct address);
	__type(value, __u32);
} ports SEC(".maps");

SEC("classifier")
int to_host(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *ethernet = data;
	struct address receiver = {};
	__u32 *port;

	if ((void *)(ethernet + 1) > end)
		return TC_ACT_OK;
	__builtin_memcpy(receiver.bytes, ethernet->h_dest, ETH_ALEN);
	port = bpf_map_lookup_elem(&ports, &receiver);
	if (!port)
		return TC_ACT_OK;
	/* The port has another address than the receiver, so the kernel takes the frame for somebody else's. */
	if (skb->pkt_type != PACKET_HOST)
		bpf_skb_change_type(skb, PACKET_HOST);
	return bpf_redirect_peer(*port, 0);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
