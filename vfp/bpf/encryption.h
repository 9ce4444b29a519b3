/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Virtual network encryption: what goes between two NICs that encrypt, on different hosts, goes by way of the agent, whose end is
 * the TAP device of the network.
 *
 * Who encrypts is written into the records of ports and NICs, each by the agent of its own host, and each at its own time. So a
 * record of another host may be behind, or not be here at all. It is believed where it says that its NIC encrypts; where it does
 * not, the frame is left to the ruleset at the same device, which knows from this host's own goal state. Nothing that an encrypting
 * NIC sends to another host is put into the tunnel here.
 */
#pragma once

static __always_inline int encrypt(const struct port *self, bool receiver_encrypts)
{
	/* A device that is gone drops it. */
	return receiver_encrypts ? bpf_redirect(self->encryptor, 0) : SOFTWARE;
}

/* On the TAP device of a network: what the agent has opened, to the port that it is for. The class id is the number of a port of
 * this host and network. */
SEC("classifier")
int encryption_end(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *ethernet = data;
	__u32 here = skb->tc_classid, key;
	struct port *self = bpf_map_lookup_elem(&ports, &here);
	struct nic *receiver;

	if (!self || (void *)(ethernet + 1) > end || !is_ipv4_unicast(ethernet))
		return SOFTWARE;
	key = serial_of(ethernet->h_dest);
	receiver = bpf_map_lookup_elem(&nics, &key);
	if (receiver && receiver->network == self->network && is_same_address(receiver->mac, ethernet->h_dest))
		return hand_over(skb, receiver->device);
	return SOFTWARE;
}
