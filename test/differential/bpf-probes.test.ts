/** What the probes say of the running kernel, against what is known of it. */

import { release } from "node:os";
import { describe, expect, test } from "vitest";
import {
  hasHelper,
  hasKernelFunction,
  hasMapType,
  probeBpfFeatures,
  refusalOf,
} from "../../src/bpf/probes.ts";
import { listMaps, listPrograms } from "../../src/linux/bpf-ids.ts";
import { BPF_MAP_TYPE } from "../../src/uapi/bpf.ts";
import { whyNoBpf } from "./bpf-machine.ts";

const why = whyNoBpf();
const [major, minor] = release().split(".").map(Number) as [number, number];
/** The release that brought the last of what is probed: may_goto and arenas. */
const isRecent = major > 6 || (major === 6 && minor >= 9);

describe.skipIf(why)(`eBPF probes${why ? ` (skipped: ${why})` : ""}`, () => {
  test.skipIf(!isRecent)("a recent kernel has everything; a mount is up to whoever runs it", () => {
    const missing = probeBpfFeatures().filter(({ ok, feature }) => !ok && feature !== "bpf file system");
    expect(missing).toEqual([]);
    expect(probeBpfFeatures().length).toBeGreaterThan(10);
  });

  test("each type of program has helpers of its own", () => {
    expect(hasHelper("BPF_PROG_TYPE_SOCKET_FILTER", "bpf_skb_load_bytes")).toBe(true);
    expect(hasHelper("BPF_PROG_TYPE_NETFILTER", "bpf_skb_load_bytes")).toBe(false);
    expect(hasHelper("BPF_PROG_TYPE_XDP", "bpf_map_lookup_elem")).toBe(true);
    expect(hasHelper("BPF_PROG_TYPE_XDP", "#9999")).toBe(false);
  });

  test("and functions of the kernel", () => {
    expect(hasKernelFunction("BPF_PROG_TYPE_NETFILTER", "bpf_dynptr_slice")).toBe(true);
    expect(hasKernelFunction("BPF_PROG_TYPE_NETFILTER", "bpf_dynptr_from_xdp")).toBe(false);
    expect(hasKernelFunction("BPF_PROG_TYPE_XDP", "bpf_dynptr_from_xdp")).toBe(true);
    expect(hasKernelFunction("BPF_PROG_TYPE_NETFILTER", "bpf_dance")).toBe(false);
    // A function of the kernel, but none for programs.
    expect(hasKernelFunction("BPF_PROG_TYPE_NETFILTER", "ip_rcv")).toBe(false);
  });

  test("a refusal has its reason", () => {
    expect(refusalOf("BPF_PROG_TYPE_NETFILTER", "r1 = r5")).toBe("R5 !read_ok");
    expect(refusalOf("BPF_PROG_TYPE_NETFILTER", "r1 = 1")).toBe(undefined);
  });

  test("every type of map that has a number can be made", () => {
    const types = Object.keys(BPF_MAP_TYPE) as (keyof typeof BPF_MAP_TYPE)[];
    expect(types.filter((type) => !hasMapType(type))).toEqual(isRecent ? [] : ["BPF_MAP_TYPE_ARENA"]);
  });

  test("nothing of it stays", async () => {
    probeBpfFeatures();
    const left = () => [...listPrograms(), ...listMaps()].filter(({ name }) => name === "probe");
    // The kernel frees programs a little later.
    for (let attempt = 0; attempt < 200 && left().length > 0; attempt++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(left()).toEqual([]);
  });
});
