#!/bin/sh
# Makes the captures in this folder anew, from real traffic: dig, curl, openssl and nc in one network namespace talk to
# dnsmasq, openssl, node and nc in another, and tcpdump listens in between. As root on Linux:
#
#   examples/captures/make-captures.sh [dns] [tls] [tcp] [knock] [flood]
#
# Each name makes one file; none makes all. Nothing outside the two namespaces is touched; they are removed at the
# end, and what a killed run left behind is removed by the next one. Needs, besides Node.js, the Debian packages
# iproute2 ethtool tcpdump dnsmasq-base bind9-dnsutils curl openssl netcat-openbsd.
#
#   client 10.77.0.1 10.77.0.3 fd77::1 fd77:1::1  <── veth ──>  server 10.77.0.2 fd77::2
set -eu
cd "$(dirname "$0")"
PATH="$PATH:/usr/sbin:/sbin"
client=moonhook-capture-client
server=moonhook-capture-server
work=$(mktemp -d)

stop_all() { # stop_all NAMESPACE: ends what runs in it
  for pid in $(ip netns pids "$1" 2>/dev/null); do kill -9 "$pid" 2>/dev/null || true; done
}
remove() {
  for ns in $client $server; do
    stop_all $ns
    ip netns delete $ns 2>/dev/null || true
  done
}
finish() {
  trap - EXIT INT TERM
  remove
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

in_client() { ip netns exec $client "$@"; }
in_server() { ip netns exec $server "$@"; }

# wait_for COMMAND…: until it succeeds, ten seconds at most.
wait_for() {
  tries=0
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || { echo "make-captures: gave up waiting for: $*" >&2; exit 1; }
    sleep 0.1
  done
}
listening() { [ "$(in_server ss -Hln"$1" "sport = :$2" | wc -l)" = 2 ]; } # listening t|u PORT: over IPv4 and IPv6

begin() { # begin FILE FILTER: starts to listen in the client's namespace
  file=$1
  rm -f "$work/talk"
  ip netns exec $client tcpdump -i mh0 -U --immediate-mode -w "$work/$file" "$2" 2>"$work/talk" &
  tcpdump_pid=$!
  wait_for grep -q 'listening on' "$work/talk"
}

end() { # the last packets may still be on their way to tcpdump
  sleep 0.5
  kill $tcpdump_pid
  wait $tcpdump_pid || true
  mv "$work/$file" "$file"
  printf '%-12s %6d bytes, %d packets\n' "$file" "$(wc -c <"$file")" "$(tcpdump -r "$file" 2>/dev/null | wc -l)"
}

remove
for ns in $client $server; do
  ip netns add $ns
  in_ns="ip netns exec $ns"
  $in_ns sh -c 'for f in all default; do echo 0 >/proc/sys/net/ipv6/conf/$f/accept_dad; done'
done
ip link add mh0 netns $client address 02:00:00:00:77:01 type veth peer name mh0 netns $server address 02:00:00:00:77:02
for ns in $client $server; do
  ip -n $ns link set lo up
  # What tcpdump sees is then what would be on a wire: one segment a packet, checksums computed.
  ip netns exec $ns ethtool -K mh0 tx off tso off gso off gro off >/dev/null
  ip -n $ns link set mh0 up
done
ip -n $client address add 10.77.0.1/24 dev mh0
ip -n $client address add 10.77.0.3/24 dev mh0
ip -n $client address add fd77::1/64 dev mh0 nodad
ip -n $client address add fd77:1::1/64 dev mh0 nodad
ip -n $server address add 10.77.0.2/24 dev mh0
ip -n $server address add fd77::2/64 dev mh0 nodad
ip -n $server route add fd77:1::/64 dev mh0

ask() { in_client dig +time=2 +tries=1 +noall "$@" >/dev/null; }

make_dns() {
  cat >"$work/dnsmasq.conf" <<CONF
no-resolv
no-hosts
user=root
bind-interfaces
listen-address=10.77.0.2,fd77::2
local-ttl=60
host-record=ads.example.com,192.0.2.1,2001:db8::1
host-record=tracker.example.net,192.0.2.2,2001:db8::2
host-record=www.example.org,192.0.2.7,2001:db8::7
host-record=www.doctor.example,198.51.100.1
host-record=edge.cdn.example,198.51.100.2
cname=alias.doctor.example,www.doctor.example
cname=shop.doctor.example,shop.cdn.example
cname=shop.cdn.example,edge.cdn.example
address=/example.com/192.0.2.9
address=/example.com/2001:db8::9
address=/example.net/192.0.2.9
address=/example.test/192.0.2.9
CONF
  ip netns exec $server dnsmasq --keep-in-foreground --conf-file="$work/dnsmasq.conf" --pid-file &
  wait_for ask @10.77.0.2 ready.example.test
  begin dns.pcap 'udp port 53'
  # Over IPv4: other names, listed ones, names below them, mixed case, look-alikes.
  ask @10.77.0.2 www.example.org A
  ask @10.77.0.2 ads.example.com A
  ask @10.77.0.2 ads.example.com AAAA
  ask @10.77.0.2 tracker.example.net A
  ask @10.77.0.2 cdn.eu.ads.example.com A
  ask @10.77.0.2 AdS.eXaMpLe.CoM A
  ask @10.77.0.2 badads.example.com A
  ask @10.77.0.2 ads.example.com.example.test A
  ask @10.77.0.2 ads-example.com A
  ask @10.77.0.2 example.com A
  ask @10.77.0.2 com NS
  ask @10.77.0.2 . NS
  ask @10.77.0.2 +noedns +norecurse x.tracker.example.net AAAA
  # Over IPv6.
  ask @fd77::2 www.example.org AAAA
  ask @fd77::2 ads.example.com A
  ask @fd77::2 WWW.ADS.EXAMPLE.COM AAAA
  ask @fd77::2 xads.example.com A
  # For the doctor: a listed name, an alias of it, a listed name that is an alias itself, over both families.
  ask @10.77.0.2 www.doctor.example A
  ask @10.77.0.2 alias.doctor.example A
  ask @10.77.0.2 Shop.Doctor.Example A
  ask @10.77.0.2 edge.cdn.example A
  ask @10.77.0.2 shop.doctor.example CNAME
  ask @10.77.0.2 www.doctor.example AAAA
  ask @fd77::2 www.doctor.example A
  ask @fd77::2 shop.doctor.example A
  end
  stop_all $server
}

hello() { # hello ADDRESS NAME: a TLS handshake, no data
  in_client openssl s_client -connect "$1:443" -servername "$2" </dev/null >/dev/null 2>&1 || true
}

make_tls() {
  mkfifo "$work/never" # an input without an end: s_server stops at the end of its own
  exec 3<>"$work/never"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=example \
    -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
  for address in 10.77.0.2 '[fd77::2]'; do
    ip netns exec $server openssl s_server -quiet -accept "$address:443" -cert "$work/cert.pem" -key "$work/key.pem" \
      >/dev/null 2>&1 <"$work/never" &
  done
  wait_for listening t 443
  begin tls.pcap 'tcp port 443'
  hello 10.77.0.2 www.example.org
  hello 10.77.0.2 blocked.example.com
  hello 10.77.0.2 www.Blocked.Example.com
  hello 10.77.0.2 unblocked.example.com
  in_client openssl s_client -connect 10.77.0.2:443 -noservername </dev/null >/dev/null 2>&1 || true
  hello '[fd77::2]' tracker.example.net
  hello '[fd77::2]' www.example.net
  # A server that takes only small segments: the ClientHello comes in pieces.
  in_server sh -c 'echo 0 >/proc/sys/net/ipv4/route/min_adv_mss'
  ip -n $server route change 10.77.0.0/24 dev mh0 src 10.77.0.2 advmss 150
  hello 10.77.0.2 blocked.example.com
  hello 10.77.0.2 www.example.org
  ip -n $server route change 10.77.0.0/24 dev mh0 src 10.77.0.2
  # Not TLS at all.
  printf 'GET / HTTP/1.0\r\n\r\n' | in_client nc -N -w 2 10.77.0.2 443 >/dev/null || true
  end
  stop_all $server
}

fetch() { in_client curl -s --max-time 5 -o /dev/null "$1" || true; }

make_tcp() {
  ip netns exec $server node -e '
    const { createServer } = require("node:http");
    for (const port of [80, 8080])
      for (const host of ["10.77.0.2", "fd77::2"]) createServer((_, answer) => answer.end("ok\n")).listen(port, host);
  ' &
  wait_for listening t 80
  wait_for listening t 8080
  begin tcp.pcap 'tcp'
  fetch http://10.77.0.2/
  fetch http://10.77.0.2:8080/
  fetch 'http://[fd77::2]/'
  fetch 'http://[fd77::2]:8080/'
  end
  stop_all $server
}

knock() { # knock SOURCE PORT…: one connection attempt to each
  from=$1
  shift
  for port; do in_client nc -z -w 1 -s "$from" "${to:-10.77.0.2}" "$port" || true; done
}

make_knock() {
  ip netns exec $server nc -lk 10.77.0.2 22 >/dev/null &
  ip netns exec $server nc -6 -lk fd77::2 22 >/dev/null &
  wait_for listening t 22
  begin knock.pcap tcp
  knock 10.77.0.3 22
  knock 10.77.0.1 7000 8000 9000
  knock 10.77.0.1 22
  knock 10.77.0.3 22           # another source: still closed
  knock 10.77.0.3 7000 9000 8000
  knock 10.77.0.3 22           # wrong order
  knock 10.77.0.3 7000 8000 1234 9000
  knock 10.77.0.3 22           # a wrong knock in between
  knock 10.77.0.3 9000 7000 7000 8000 9000
  knock 10.77.0.3 22           # a false start and a repetition do not matter
  (to=fd77::2 && knock fd77::1 22 7000 8000 9000 22)
  sleep 6
  knock 10.77.0.1 22           # closed again
  knock 10.77.0.1 7000 8000
  sleep 6
  knock 10.77.0.1 9000 22      # too slow
  end
  stop_all $server
}

send() { # send SOURCE DESTINATION COUNT: so many datagrams
  in_client node -e '
    const [source, destination, count] = process.argv.slice(1);
    const socket = require("node:dgram").createSocket(source.includes(":") ? "udp6" : "udp4");
    const next = (n) => (n > count ? socket.close() : socket.send(`${n}\n`, 5000, destination, () => next(n + 1)));
    socket.bind(0, source, () => next(1));
  ' "$@"
}

make_flood() {
  ip netns exec $server nc -lku 10.77.0.2 5000 >/dev/null &
  ip netns exec $server nc -6 -lku fd77::2 5000 >/dev/null &
  wait_for listening u 5000
  begin flood.pcap 'udp port 5000'
  send 10.77.0.1 10.77.0.2 40  # twice the burst
  send 10.77.0.3 10.77.0.2 3   # another source
  sleep 1
  send 10.77.0.1 10.77.0.2 15  # a second later some more
  send fd77::1 fd77::2 30
  send fd77:1::1 fd77::2 3     # another network
  end
  stop_all $server
}

for name in ${*:-dns tls tcp knock flood}; do make_"$name"; done
