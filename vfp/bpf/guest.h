/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The guest's bond of synthetic device and VF, as Linux's hv_netvsc does it: applications see the synthetic device only. */
#pragma once

/* On the synthetic device; the class id is the VF's index. Broadcast, multicast and ARP go the synthetic way, as in Azure;
 * so does everything when the VF has been torn away. */
SEC("classifier")
int guest_egress(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *ethernet = data;

	if ((void *)(ethernet + 1) > end || !is_ipv4_unicast(ethernet) || !is_there(skb, skb->tc_classid))
		return SOFTWARE;
	return bpf_redirect(skb->tc_classid, 0);
}
