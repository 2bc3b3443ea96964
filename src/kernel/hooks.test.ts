import { describe, expect, test } from "vitest";
import { NF_INET, NF_VERDICT, NFPROTO } from "../uapi/netfilter.ts";
import { HookTable } from "./hooks.ts";
import type { HookOutcome } from "./kernel.ts";
import { ipPacket, skbOf } from "./testing.ts";

const { NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6, NFPROTO_ARP } = NFPROTO;
const { NF_ACCEPT, NF_DROP, NF_QUEUE, NF_REPEAT, NF_STOLEN, NF_STOP } = NF_VERDICT;
const AT = NF_INET.NF_INET_LOCAL_IN;

function tableWith(
  hooks: { name: string; priority?: number; pf?: number; mark?: number; answer?: HookOutcome }[],
) {
  const table = new HookTable();
  const ran: string[] = [];
  const remove = hooks.map(({ name, priority = 0, pf = NFPROTO_IPV4, mark = 0, answer }) =>
    table.register({
      pf,
      hooknum: AT,
      priority,
      mark,
      run: () => {
        ran.push(name);
        return answer ?? { verdict: NF_ACCEPT, mark: undefined };
      },
    }),
  );
  return { table, ran, remove };
}

test("lower priorities run first, and of equals the newest", () => {
  const { table, ran } = tableWith([
    { name: "zero" },
    { name: "late", priority: 2147483647 },
    { name: "early", priority: -2147483648 },
    { name: "zero again" },
  ]);
  expect(table.run(NFPROTO_IPV4, AT, skbOf(ipPacket()))).toBe(NF_ACCEPT);
  expect(ran).toEqual(["early", "zero again", "zero", "late"]);
});

test.each([
  [NF_ACCEPT, NF_ACCEPT, true],
  [NF_DROP, NF_DROP, false],
  [NF_STOLEN, NF_STOLEN, false],
  [NF_QUEUE, NF_QUEUE, false],
  [NF_REPEAT, NF_STOLEN, false],
  [NF_STOP, NF_STOLEN, false],
])("verdict %i of a hook ends the list as %i", (verdict, result, goesOn) => {
  const { table, ran } = tableWith([
    { name: "first", answer: { verdict, mark: undefined } },
    { name: "next", priority: 1 },
  ]);
  expect(table.run(NFPROTO_IPV4, AT, skbOf(ipPacket()))).toBe(result);
  expect(ran).toEqual(goesOn ? ["first", "next"] : ["first"]);
});

test("a hook sees only packets with its mark, and marks set on the way count", () => {
  const { table, ran } = tableWith([
    { name: "sets", answer: { verdict: NF_ACCEPT, mark: 7 } },
    { name: "unmarked", priority: 1 },
    { name: "seven", priority: 2, mark: 7, answer: { verdict: NF_DROP, mark: 0xffffffff } },
  ]);
  const skb = skbOf(ipPacket());
  expect(table.run(NFPROTO_IPV4, AT, skb)).toBe(NF_DROP);
  expect(ran).toEqual(["sets", "seven"]);
  expect(skb.mark).toBe(0xffffffff);
});

test("INET is both families, and removal is from both", () => {
  const { table, ran, remove } = tableWith([{ name: "both", pf: NFPROTO_INET }]);
  table.run(NFPROTO_IPV4, AT, skbOf(ipPacket()));
  table.run(NFPROTO_IPV6, AT, skbOf(ipPacket()));
  expect(ran).toEqual(["both", "both"]);
  remove[0]!();
  remove[0]!();
  table.run(NFPROTO_IPV4, AT, skbOf(ipPacket()));
  table.run(NFPROTO_IPV6, AT, skbOf(ipPacket()));
  expect(ran).toHaveLength(2);
});

test("a hook that registers and removes hooks does not disturb the walk", () => {
  const { table, ran, remove } = tableWith([{ name: "a" }, { name: "b", priority: 5 }]);
  const undo = table.register({
    pf: NFPROTO_IPV4,
    hooknum: AT,
    priority: -1,
    mark: 0,
    run: () => {
      remove[1]!();
      undo();
      return { verdict: NF_ACCEPT, mark: undefined };
    },
  });
  table.run(NFPROTO_IPV4, AT, skbOf(ipPacket()));
  expect(ran).toEqual(["a", "b"]);
  table.run(NFPROTO_IPV4, AT, skbOf(ipPacket()));
  expect(ran).toEqual(["a", "b", "a"]);
});

describe("refused", () => {
  test.each([
    [NFPROTO_IPV4, 5, "EINVAL"],
    [NFPROTO_INET, 5, "EINVAL"],
    [NFPROTO_IPV6, 4294967295, "EINVAL"],
    [NFPROTO_ARP, 0, "EOPNOTSUPP"],
    [0, 0, "EOPNOTSUPP"],
    [255, 0, "EOPNOTSUPP"],
  ])("family %i, hook point %i: %s", (pf, hooknum, code) => {
    const hook = { pf, hooknum, priority: 0, mark: 0, run: () => ({ verdict: NF_ACCEPT, mark: undefined }) };
    expect(() => new HookTable().register(hook)).toThrow(expect.objectContaining({ code }));
  });

  test("the hook after MAX_HOOK_COUNT", () => {
    const { table } = tableWith(Array.from({ length: 1024 }, () => ({ name: "x" })));
    const hook = {
      pf: NFPROTO_INET,
      hooknum: AT,
      priority: 0,
      mark: 0,
      run: () => ({ verdict: 1, mark: undefined }),
    };
    expect(() => table.register(hook)).toThrow(expect.objectContaining({ code: "E2BIG" }));
    expect(() => table.register({ ...hook, pf: NFPROTO_IPV6 })).not.toThrow();
  });
});
