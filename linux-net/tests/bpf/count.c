// The programs of kernel_bpf.rs: one counts frames by whether they are IPv4 and drops those of refused protocols, one does nothing.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 10000);
    __type(key, __u32);
    __type(value, __u64);
} refused SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, __u64);
} seen SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} by_processor SEC(".maps");

// A map of the compiler's own, .rodata.
const volatile __u32 step = 1;

SEC("classifier")
int count_ipv4(struct __sk_buff *skb)
{
    __u32 protocol = __builtin_bswap16(skb->protocol), slot = protocol == ETH_P_IP;
    __u64 *frames = bpf_map_lookup_elem(&seen, &slot);
    if (frames)
        __sync_fetch_and_add(frames, step);
    slot = 0;
    __u32 *own = bpf_map_lookup_elem(&by_processor, &slot);
    if (own)
        *own += step;
    return bpf_map_lookup_elem(&refused, &protocol) ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("classifier")
int pass(struct __sk_buff *skb)
{
    return TC_ACT_OK;
}

const char LICENSE[] SEC("license") = "Dual MIT/GPL";
