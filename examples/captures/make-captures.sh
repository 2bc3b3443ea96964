#!/bin/sh
# Makes dns.pcap: real queries of dig to a real dnsmasq, captured by tcpdump in two network namespaces. Needs root.
set -eu
cd "$(dirname "$0")"
PATH="$PATH:/usr/sbin:/sbin"
client="moonhook-capture-client-$$" server="moonhook-capture-server-$$"
dns_pid="" dump_pid=""
cleanup() {
  trap - EXIT INT TERM
  [ -z "$dump_pid" ] || kill "$dump_pid" 2>/dev/null || true
  [ -z "$dns_pid" ] || kill "$dns_pid" 2>/dev/null || true
  ip netns delete "$client" 2>/dev/null || true
  ip netns delete "$server" 2>/dev/null || true
}
trap cleanup EXIT INT TERM

ip netns add "$client"
ip netns add "$server"
ip -n "$client" link add veth0 type veth peer name veth0 netns "$server"
for ns in "$client" "$server"; do
  ip netns exec "$ns" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.veth0.accept_dad=0
  ip -n "$ns" link set lo up
done
ip -n "$client" address add 10.77.0.1/24 dev veth0
ip -n "$server" address add 10.77.0.2/24 dev veth0
ip -n "$client" address add fd77::1/64 dev veth0 nodad
ip -n "$server" address add fd77::2/64 dev veth0 nodad
ip -n "$client" link set veth0 up
ip -n "$server" link set veth0 up
sleep 1
ip netns exec "$server" dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=root --pid-file \
  --listen-address=10.77.0.2,fd77::2 --bind-interfaces --cname=www.example.org,web.example.org \
  --host-record=web.example.org,192.0.2.80,2001:db8::80 --address=/#/192.0.2.7 &
dns_pid=$!
sleep 1
ip netns exec "$client" tcpdump -i veth0 --immediate-mode -U -w dns.pcap -q port 53 2>/dev/null &
dump_pid=$!
sleep 1
ask() { ip netns exec "$client" dig +short +time=1 +tries=1 "$@" >/dev/null; }
ask @10.77.0.2 www.example.org A
ask @10.77.0.2 ads.example.com A
ask @10.77.0.2 ADS.Example.COM A
ask @10.77.0.2 banner.ads.example.com AAAA
ask @10.77.0.2 example.com A
ask @10.77.0.2 notads.example.com A
ask @10.77.0.2 ads.example.com.example.org A
ask @fd77::2 tracker.example.net AAAA
ask @fd77::2 www.example.org AAAA
ask @fd77::2 a.b.tracker.example.net A
sleep 1
kill "$dump_pid"
wait "$dump_pid" || true
dump_pid=""
