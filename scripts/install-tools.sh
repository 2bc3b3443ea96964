#!/bin/sh
# Installs the Debian packages whose programs the live tests and the demo use, when one is missing; with the argument
# `bench` also what only the benchmarks use.
set -eu
missing=""
need() { # need PROGRAM PACKAGE
  command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
PATH="$PATH:/usr/sbin:/sbin"
need lua5.4 lua5.4
need ip iproute2
need nft nftables
need iptables iptables
need conntrack conntrack
need tcpdump tcpdump
need dnsmasq dnsmasq-base
need dig bind9-dnsutils
need editcap wireshark-common
need openssl openssl
need nc netcat-openbsd
need curl curl
need ethtool ethtool
need llvm-objdump llvm
need clang clang
if [ "${1:-}" = bench ]; then
  need luajit luajit
fi
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "install-tools: missing:$missing; install them to run everything" >&2
  exit 0
fi
echo "install-tools: installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >/dev/null
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null
