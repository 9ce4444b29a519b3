/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a packet is: which flow it belongs to, and whether it may take one. */
#pragma once

/* "No opinion": what is left to the layers below. TC_ACT_OK would put the class id into the packet's traffic control index. */
#define SOFTWARE TC_ACT_UNSPEC

#define FRAGMENT 0x3fff /* "more fragments", and the offset */
#define PROBE_DSCP 63
#define ECHO_REPLY 0
#define ECHO_REQUEST 8

/* RFC 792; the kernel's own header cannot be included here. */
struct echo {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be16 identifier;
	__be16 sequence;
};

struct packet {
	/* A connection begins or ends: only the software layers may see that. */
	bool turning_point;
	/* TCP without payload: it may be overtaken by others without anybody noticing. */
	bool empty;
};

/* Whether a frame is for a single receiver and carries IPv4. */
static __always_inline bool is_ipv4_unicast(const struct ethhdr *ethernet)
{
	return ethernet->h_proto == bpf_htons(ETH_P_IP) && !(ethernet->h_dest[0] & 1);
}

/* The last 24 bits of an Ethernet address. */
static __always_inline __u32 serial_of(const __u8 *mac)
{
	return mac[3] << 16 | mac[4] << 8 | mac[5];
}

static __always_inline bool is_same_address(const __u8 *one, const __u8 *other)
{
	__u8 differs = 0;

#pragma unroll
	for (int at = 0; at < ETH_ALEN; at++)
		differs |= one[at] ^ other[at];
	return !differs;
}

static __always_inline bool is_turning_point(const struct tcphdr *tcp)
{
	return tcp->syn || tcp->fin || tcp->rst;
}

/* Of a packet without IP options. */
static __always_inline bool is_empty(const struct iphdr *ip, const struct tcphdr *tcp)
{
	return bpf_ntohs(ip->tot_len) == sizeof(*ip) + tcp->doff * 4;
}

/* Completes `key` with the addresses of a packet that can belong to a unified flow: whole, without IP options, TCP, UDP or
 * ICMP echo, and no probe, since the software layers tell of those. */
static __always_inline bool parse(struct __sk_buff *skb, struct flow_key *key, struct packet *packet)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *ethernet = data;
	struct iphdr *ip = (void *)(ethernet + 1);

	if ((void *)(ip + 1) > end || !is_ipv4_unicast(ethernet))
		return false;
	if (ip->version != 4 || ip->ihl != 5 || ip->frag_off & bpf_htons(FRAGMENT) || ip->tos >> 2 == PROBE_DSCP)
		return false;
	key->source = ip->saddr;
	key->destination = ip->daddr;
	key->protocol = ip->protocol;
	if (ip->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = (void *)(ip + 1);

		if ((void *)(tcp + 1) > end)
			return false;
		key->source_port = tcp->source;
		key->destination_port = tcp->dest;
		packet->turning_point = is_turning_point(tcp);
		packet->empty = is_empty(ip, tcp);
	} else if (ip->protocol == IPPROTO_UDP) {
		struct udphdr *udp = (void *)(ip + 1);

		if ((void *)(udp + 1) > end)
			return false;
		key->source_port = udp->source;
		key->destination_port = udp->dest;
	} else if (ip->protocol == IPPROTO_ICMP) {
		struct echo *echo = (void *)(ip + 1);

		if ((void *)(echo + 1) > end || echo->code || (echo->type != ECHO_REQUEST && echo->type != ECHO_REPLY))
			return false;
		key->source_port = echo->identifier;
		key->destination_port = bpf_htons(echo->type);
	} else {
		return false;
	}
	return true;
}
