/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The tunnel between hosts: VXLAN (RFC 7348), byte for byte as the kernel's own device has it.
 *
 * The device is there as well, and everything understands everything. It serves what these functions leave: data of TCP, whose
 * large packets need the device to be cut, and whose small ones must not overtake them.
 */
#pragma once

#define VXLAN_PORT 4789
#define VNI_IS_VALID 0x08
#define TTL 64

struct vxlan {
	__u8 flags;
	__u8 reserved[3];
	/* 24 bits, and 8 that are reserved. */
	__be32 vni;
};

struct outer {
	struct ethhdr ethernet;
	struct iphdr ip;
	struct udphdr udp;
	struct vxlan vxlan;
	struct ethhdr inner;
} __attribute__((packed));

/* What comes before the inner packet, without the one Ethernet header that is there already. */
#define TUNNEL_ROOM (sizeof(struct outer) - sizeof(struct ethhdr))

static __always_inline int hand_over(struct __sk_buff *skb, __u32 device)
{
	if (skb->pkt_type != PACKET_HOST)
		bpf_skb_change_type(skb, PACKET_HOST);
	return bpf_redirect_peer(device, 0);
}

/* Whether a packet may do without the device. A TCP packet without payload is an acknowledgement: it says what is true of the
 * connection whatever comes before or after it, so it may overtake data. */
static __always_inline bool is_simple(struct __sk_buff *skb, const struct iphdr *ip, const void *end)
{
	const struct tcphdr *tcp = (const void *)(ip + 1);

	if (skb->gso_size)
		return false;
	if (ip->protocol != IPPROTO_TCP)
		return ip->protocol == IPPROTO_UDP || ip->protocol == IPPROTO_ICMP;
	return ip->ihl == 5 && (const void *)(tcp + 1) <= end && is_empty(ip, tcp) && !is_turning_point(tcp);
}

/* RFC 1071. */
static __always_inline __sum16 checksum(const struct iphdr *ip)
{
	const __u16 *words = (const void *)ip;
	__u32 sum = 0;

#pragma unroll
	for (int at = 0; at < (int)sizeof(*ip) / 2; at++)
		sum += words[at];
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16));
}

/* Sends a frame to a NIC of another host. */
static __always_inline int encapsulate(struct __sk_buff *skb, const struct port *self, __u64 network)
{
	struct bpf_redir_neigh next_hop = {.nh_family = 2 /* AF_INET; the C library has it in a header that cannot be included here */, .ipv4_nh = host_of(network)};
	__u32 hash = bpf_get_hash_recalc(skb);
	void *data, *end;
	struct outer *outer;
	struct iphdr ip;

	if (bpf_skb_adjust_room(skb, TUNNEL_ROOM, BPF_ADJ_ROOM_MAC, 0))
		return TC_ACT_SHOT;
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	outer = data;
	if ((void *)(outer + 1) > end)
		return TC_ACT_SHOT;
	outer->inner = outer->ethernet;
	ip = (struct iphdr){
		.version = 4,
		.ihl = sizeof(ip) / 4,
		.tot_len = bpf_htons(skb->len - sizeof(outer->ethernet)),
		.ttl = TTL,
		.protocol = IPPROTO_UDP,
		.saddr = host_of(self->network),
		.daddr = host_of(network),
	};
	ip.check = checksum(&ip);
	outer->ip = ip;
	outer->udp = (struct udphdr){
		/* So that the underlay can spread flows (section 5). */
		.source = bpf_htons(0xc000 | (hash & 0x3fff)),
		.dest = bpf_htons(VXLAN_PORT),
		.len = bpf_htons(skb->len - sizeof(outer->ethernet) - sizeof(outer->ip)),
	};
	outer->vxlan = (struct vxlan){.flags = VNI_IS_VALID, .vni = bpf_htonl((__u32)network << 8)};
	return bpf_redirect_neigh(self->underlay, &next_hop, sizeof(next_hop), 0);
}

/* On the host's device on the underlay: to the port that the inner frame is for, if it is one of this host. */
SEC("classifier")
int tunnel_end(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct outer *outer = data;
	struct iphdr *ip = (void *)(outer + 1);
	struct ethhdr inner;
	__u32 key, device;
	struct nic *receiver;

	if ((void *)(ip + 1) > end || outer->ethernet.h_proto != bpf_htons(ETH_P_IP) || outer->ip.ihl != 5 ||
	    outer->ip.protocol != IPPROTO_UDP || outer->udp.dest != bpf_htons(VXLAN_PORT) ||
	    outer->vxlan.flags != VNI_IS_VALID || !is_ipv4_unicast(&outer->inner) || !is_simple(skb, ip, end))
		return SOFTWARE;
	key = serial_of(outer->inner.h_dest);
	receiver = bpf_map_lookup_elem(&nics, &key);
	if (!receiver || !is_same_address(receiver->mac, outer->inner.h_dest) ||
	    host_of(receiver->network) != outer->ip.daddr || (__u32)receiver->network != bpf_ntohl(outer->vxlan.vni) >> 8)
		return SOFTWARE;
	device = receiver->device;
	inner = outer->inner;
	if (bpf_skb_adjust_room(skb, -(__s32)TUNNEL_ROOM, BPF_ADJ_ROOM_MAC, 0))
		return TC_ACT_SHOT;
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	if (data + sizeof(inner) > end)
		return TC_ACT_SHOT;
	*(struct ethhdr *)data = inner;
	return hand_over(skb, device);
}
