/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The host's switch: from a port or a tunnel straight to the port that a frame is for, or into the tunnel.
 *
 * Bridge and FDB are there as well and come to the same; they serve what this program leaves: ARP, and receivers that
 * nobody here knows. Which host a frame goes to, the tunnel's own FDB says.
 */
#pragma once

/* The class id is the number of a port of this host and network: the port's own, or for a tunnel any.
 *
 * A frame that took a unified flow comes with the number of the receiver's port. That there is a way to it, in this network or
 * one that is peered, the layers have found out for the first packet.
 *
 * While a policy is being changed, what leaves the host is left to the layers: they know at each moment what must be encrypted,
 * and the records that say so here are written when they are done. */
SEC("classifier")
int host_switch(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *ethernet = data;
	struct iphdr *ip = (void *)(ethernet + 1);
	__u32 here = skb->tc_classid, key;
	struct port *self = bpf_map_lookup_elem(&ports, &here);
	__u16 hint = skb->tc_index;
	struct nic *receiver;
	struct port *port;
	bool encrypts;

	skb->tc_index = 0;
	/* The port may be gone, and the filter of a tunnel not yet another's. */
	if (!self || !self->tunnel || (void *)(ethernet + 1) > end || !is_ipv4_unicast(ethernet))
		return SOFTWARE;
	encrypts = self->encryptor && skb->ifindex != self->tunnel;
	key = hint;
	port = hint ? bpf_map_lookup_elem(&ports, &key) : NULL;
	if (port && is_same_address(port->mac, ethernet->h_dest)) {
		if (host_of(port->network) == host_of(self->network))
			return hand_over(skb, port->device);
		if (!generation_of(self))
			return SOFTWARE;
		if (encrypts)
			return encrypt(self, port->encryptor);
		if ((void *)(ip + 1) <= end && is_simple(skb, ip, end))
			return encapsulate(skb, self, port->network);
	}
	key = serial_of(ethernet->h_dest);
	receiver = bpf_map_lookup_elem(&nics, &key);
	if (receiver && !is_same_address(receiver->mac, ethernet->h_dest))
		receiver = NULL;
	if (receiver && receiver->network == self->network)
		return hand_over(skb, receiver->device);
	if (skb->ifindex == self->tunnel || !generation_of(self))
		return SOFTWARE;
	if (encrypts && !(receiver && host_of(receiver->network) == host_of(self->network)))
		return encrypt(self, receiver && receiver->encrypts);
	return bpf_redirect(self->tunnel, 0);
}
