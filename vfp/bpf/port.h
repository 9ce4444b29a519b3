/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A port's unified flow table.
 *
 *     guest ═ VF ─► port_outbound ── known ──────────────────► up0     up0 ─► port_inbound ── known ──────────────► VF ═ guest
 *                        └ miss ─► rules ─► routes ─► learn_outbound ─► up0      └ miss ─► rules ─► learn_inbound ─► eth0
 *
 * A packet that misses is stamped with the generation of the policy that it is about to meet. It is learnt where it leaves
 * the port, if that generation is still in force: then nothing that it met was older. Generation 0 is no generation, so
 * while a policy is being changed nothing is learnt and nothing is known.
 *
 * The stamp is the packet's traffic control index, which the kernel carries from ingress to egress and uses for nothing else.
 */
#pragma once

/* The mark of packets that the port has translated, where they leave it; vfp/src/lower/translation has the same. */
#define WAS_TRANSLATED 4

#define SECOND 1000000000ULL
/* Connection tracking forgets a UDP flow that it does not see for 30 s, and an ICMP one; a TCP connection after 5 days, as
 * ports are set. A packet of TCP without payload goes first: in the software it is overtaken by the others. */
#define REFRESH (10 * SECOND)
#define REFRESH_TCP_EMPTY (30 * SECOND)
#define REFRESH_TCP (60 * SECOND)

/* Read once: the agent may change it at any moment, and what is compared must be what is written down. */
static __always_inline __u32 generation_of(const struct port *port)
{
	return *(const volatile __u32 *)&port->generation;
}

static __always_inline __u16 stamp(__u32 generation)
{
	return generation ? generation % 0xffff + 1 : 0;
}

static __always_inline bool is_due(const struct flow *flow, const struct flow_key *key, const struct packet *packet, __u64 now)
{
	__u64 since = now - flow->checked;

	if (key->protocol != IPPROTO_TCP)
		return since > REFRESH;
	return since > (packet->empty ? REFRESH_TCP_EMPTY : REFRESH_TCP);
}

/* Both ways of a connection, as this port knows them. */
static __always_inline void forget(const struct flow_key *key)
{
	struct flow_key back = {
		.port = key->port,
		.source = key->destination,
		.destination = key->source,
		.source_port = key->destination_port,
		.destination_port = key->source_port,
		.protocol = key->protocol,
		.direction = !key->direction,
	};

	bpf_map_delete_elem(&flows, key);
	bpf_map_delete_elem(&flows, &back);
}

/* Whether a device of this namespace is there: a VF can be torn away at any moment. */
static __always_inline bool is_there(struct __sk_buff *skb, __u32 device)
{
	__u32 mtu = 0;

	return bpf_check_mtu(skb, device, &mtu, 0, 0) >= 0;
}

static __always_inline int take(struct __sk_buff *skb, struct flow *flow, __u32 device, __u64 now)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *ethernet = data;

	if ((void *)(ethernet + 1) > end)
		return SOFTWARE;
	__builtin_memcpy(ethernet->h_dest, flow->next_hop, ETH_ALEN);
	__builtin_memcpy(ethernet->h_source, flow->sender, ETH_ALEN);
	flow->packets++;
	flow->bytes += skb->len;
	flow->used = now;
	skb->tc_index = flow->receiver;
	/* No device looks at the new addresses again. */
	if (skb->pkt_type != PACKET_HOST)
		bpf_skb_change_type(skb, PACKET_HOST);
	return bpf_redirect_peer(device, 0);
}

static __always_inline int enter(struct __sk_buff *skb, enum direction direction)
{
	struct flow_key key = {.port = skb->tc_classid, .direction = direction};
	struct port *port = bpf_map_lookup_elem(&ports, &key.port);
	struct packet packet = {};
	struct flow *flow;
	__u64 now;
	__u32 device, generation;

	/* What another port has left there. */
	skb->tc_index = 0;
	if (!port)
		return SOFTWARE;
	device = direction == OUTBOUND ? port->uplink : port->vf;
	generation = generation_of(port);
	if (!device || !generation || !parse(skb, &key, &packet))
		return SOFTWARE;
	if (packet.turning_point) {
		forget(&key);
		return SOFTWARE;
	}
	flow = bpf_map_lookup_elem(&flows, &key);
	now = bpf_ktime_get_coarse_ns();
	if (flow && flow->generation == generation && !is_due(flow, &key, &packet, now) &&
	    (direction == OUTBOUND || is_there(skb, device)))
		return take(skb, flow, device, now);
	skb->tc_index = stamp(generation);
	return SOFTWARE;
}

static __always_inline int leave(struct __sk_buff *skb, enum direction direction)
{
	__u16 entered = skb->tc_index;
	struct flow_key key = {.port = skb->tc_classid, .direction = direction};
	void *data, *end;
	struct ethhdr *ethernet;
	struct packet packet = {};
	struct flow *known, flow = {};
	__u32 serial, generation;
	struct nic *receiver;
	struct port *port;

	if (!entered)
		return SOFTWARE;
	skb->tc_index = 0;
	/* Its addresses are not those that it came in with, and the next one is to be translated, too. */
	if (skb->mark == WAS_TRANSLATED)
		return SOFTWARE;
	port = bpf_map_lookup_elem(&ports, &key.port);
	if (!port)
		return SOFTWARE;
	generation = generation_of(port);
	if (entered != stamp(generation) || !parse(skb, &key, &packet) || packet.turning_point)
		return SOFTWARE;
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	ethernet = data;
	if ((void *)(ethernet + 1) > end)
		return SOFTWARE;
	known = bpf_map_lookup_elem(&flows, &key);
	if (known)
		flow = *known;
	flow.checked = bpf_ktime_get_coarse_ns();
	if (!flow.learnt)
		flow.learnt = flow.used = flow.checked;
	flow.generation = generation;
	__builtin_memcpy(flow.next_hop, ethernet->h_dest, ETH_ALEN);
	__builtin_memcpy(flow.sender, ethernet->h_source, ETH_ALEN);
	serial = serial_of(ethernet->h_dest);
	receiver = direction == OUTBOUND ? bpf_map_lookup_elem(&nics, &serial) : NULL;
	flow.receiver = receiver ? receiver->port : 0;
	if (bpf_map_update_elem(&flows, &key, &flow, BPF_ANY))
		__sync_fetch_and_add(&port->refused, 1);
	else if (!known)
		__sync_fetch_and_add(&port->learnt, 1);
	return SOFTWARE;
}

SEC("classifier")
int port_outbound(struct __sk_buff *skb)
{
	return enter(skb, OUTBOUND);
}

SEC("classifier")
int port_inbound(struct __sk_buff *skb)
{
	return enter(skb, INBOUND);
}

SEC("classifier")
int learn_outbound(struct __sk_buff *skb)
{
	return leave(skb, OUTBOUND);
}

SEC("classifier")
int learn_inbound(struct __sk_buff *skb)
{
	return leave(skb, INBOUND);
}
