import { expect, test } from "vitest";
import { evaluate, failureOf } from "../runtime/testing.ts";

test.each([
  ['require("linux.nf").ip.pri.FILTER', 0],
  ['require("linux.nf").action.STOP', 5],
  ['require("linux.eth")["8021Q"]', 33024],
  ['require("linux.eth")["1588"]', 35063], // no letter in the name, and still a string
  ['require("linux.eth")[1588]', undefined],
  ['require("linux.socket").layout.timeval.fields[2].name', "tv_usec"],
  ['require("linux.socket").layout.timeval.fields[1].signed', true],
  ['require("linux.rtnetlink").layout.rtmsg.size', 12],
  ['require("linux.syscall.numbers").bpf', 321],
  ['require("netfilter").action.CONTINUE', 4294967295],
  ['require("netfilter").action.RETURN', -5],
  ['require("netfilter").family.INET', 1],
  ['require("netfilter").inet_hooks.LOCAL_OUT', 3],
  ['require("netfilter").bridge_hooks.BROUTING', 5],
  ['require("netfilter").bridge_hooks.pri', undefined],
  ['require("netfilter").arp_hooks.FORWARD', 2],
  ['require("netfilter").netdev_hooks.EGRESS', 1],
  ['require("netfilter").ip_priority.MANGLE', -150],
  ['require("netfilter").bridge_priority.BRNF', 0],
  ['require("linux.nf") == require("linux.nf")', true],
])("%s", (expression, value) => {
  expect(evaluate(`return (${expression})`)).toEqual([value]);
});

test.each(["linux.nf.proto", "netlink", "nonesuch"])("%s is no module", (name) => {
  expect(failureOf(`require("${name}")`)).toMatch(
    new RegExp(`module '${name}' not found.*no native module '${name}'`, "s"),
  );
});

test("each runtime has tables of its own", () => {
  evaluate('require("linux.nf").action.DROP = 9');
  expect(evaluate('return require("linux.nf").action.DROP')).toEqual([0]);
});
