#!/bin/sh
# `make demo`: a DNS filter on a real capture. Needs no privileges.
set -eu
cd "$(dirname "$0")/.."

printf '\n== %s\n' "examples/dnsblock.lua on a capture of real DNS traffic (no privileges, any machine)"
echo "\$ bin/moonhook run examples/dnsblock.lua --pcap examples/captures/dns.pcap"
bin/moonhook run examples/dnsblock.lua --pcap examples/captures/dns.pcap
