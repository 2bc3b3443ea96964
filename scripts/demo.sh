#!/bin/sh
# `make demo`: the twenty-line DNS filter on a real capture, then, as root on Linux, on live packets of a network
# namespace that this script makes and removes.
set -eu
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }

say "1. examples/dnsblock.lua on a capture of real DNS traffic (no privileges, any machine)"
echo "\$ bin/moonhook run examples/dnsblock.lua --pcap examples/captures/dns.pcap"
bin/moonhook run examples/dnsblock.lua --pcap examples/captures/dns.pcap

if [ "$(uname)" != Linux ] || [ "$(id -u)" != 0 ]; then
  say "2. left out: blocking live packets needs root on Linux (try: sudo make demo)"
  exit 0
fi

scripts/install-tools.sh
PATH="$PATH:/usr/sbin:/sbin"
client="moonhook-demo-client-$$" server="moonhook-demo-server-$$"
work=$(mktemp -d)
dns_pid="" hook_pid=""
cleanup() {
  trap - EXIT INT TERM
  [ -z "$hook_pid" ] || kill -INT "$hook_pid" 2>/dev/null || true
  [ -z "$hook_pid" ] || wait "$hook_pid" 2>/dev/null || true
  [ -z "$dns_pid" ] || kill "$dns_pid" 2>/dev/null || true
  ip netns delete "$client" 2>/dev/null || true
  ip netns delete "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT INT TERM

say "2. the same script on live packets: two network namespaces, a real dnsmasq, a real dig"
if ! ip netns add "$client" 2>"$work/error"; then
  echo "left out: this machine makes no network namespaces ($(cat "$work/error"))"
  exit 0
fi
ip netns add "$server"
ip -n "$client" link add veth0 type veth peer name veth0 netns "$server"
ip -n "$client" address add 10.77.0.1/24 dev veth0
ip -n "$server" address add 10.77.0.2/24 dev veth0
for ns in "$client" "$server"; do
  ip -n "$ns" link set lo up
  ip -n "$ns" link set veth0 up
done
ip netns exec "$server" dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=root \
  --pid-file --listen-address=10.77.0.2 --bind-interfaces --address=/#/192.0.2.7 &
dns_pid=$!

ask() { # ask NAME: what dig gets
  answer=$(ip netns exec "$client" dig @10.77.0.2 "$1" A +short +time=1 +tries=2 2>&1 | grep -v -e '^;' -e '^$' || true)
  printf '   dig %-24s %s\n' "$1" "${answer:-no answer}"
}

echo "without Moonhook:"
ask www.example.org
ask ads.example.com

echo "\$ bin/moonhook run examples/dnsblock.lua --on nfqueue --netns $client"
bin/moonhook run examples/dnsblock.lua --on nfqueue --netns "$client" >"$work/out" 2>"$work/talk" &
hook_pid=$!
tries=0
until grep -q 'moonhook: ready' "$work/talk"; do
  tries=$((tries + 1))
  if [ $tries -gt 100 ] || ! kill -0 "$hook_pid" 2>/dev/null; then
    echo "left out: the script could not be armed here:"
    cat "$work/talk"
    exit 0
  fi
  sleep 0.1
done
echo "with the script armed:"
ask www.example.org
ask ads.example.com

kill -INT "$hook_pid"
wait "$hook_pid" || true
hook_pid=""
sed 's/^/   moonhook printed: /' "$work/out"
echo "stopped; the rules are gone:"
ask ads.example.com
