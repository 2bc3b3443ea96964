import { describe, expect, test } from "vitest";
import { aliveAtSites, loopMarks, siteMark, temporaryName, withoutMarks } from "./liveness.ts";

const alive = (text: string, parameters: string[] = []): string[][] =>
  aliveAtSites(text, new Set(["a", "b", "c", ...parameters]), parameters)
    .slice(1)
    .map((names) => names.sort());

describe("names alive at a site", () => {
  test("what is read behind it, when it was assigned before it", () => {
    expect(alive(`a=1;b=2;${siteMark(1)}c=a;${siteMark(2)}f(c);`)).toEqual([["a"], ["c"]]);
  });

  test("a parameter is assigned from the start", () => {
    expect(alive(`${siteMark(1)}f(p,q);`, ["p", "q"])).toEqual([["p", "q"]]);
  });

  test("what a loop around it reads, anywhere, unless each round assigns it anew", () => {
    const loop = loopMarks(`for(;;){f(a);b=2;f(b);${siteMark(1)}}`, false);
    expect(alive(`a=1;${loop}`)).toEqual([["a"]]);
  });

  test("what an inner loop reads is alive in it, and not behind it", () => {
    const inner = loopMarks(`for(;;){f(b);${siteMark(1)}}`, false);
    const outer = loopMarks(`for(;;){b=a;${inner}${siteMark(2)}}`, false);
    expect(alive(`a=1;${outer}`)).toEqual([["a", "b"], ["a"]]);
  });

  test("one case of a loop over cases may go back to another", () => {
    const loop = loopMarks(`for(;;){switch(n){case 0:a=1;case 1:f(a);${siteMark(1)}}}`, true);
    expect(alive(loop)).toEqual([["a"]]);
  });

  test("texts are no names", () => {
    expect(alive(`a=1;${siteMark(1)}f("a \\" a");`)).toEqual([[]]);
  });
});

test("marks become what a site keeps, temporaries get their short names, texts stay", () => {
  const [first, second] = [temporaryName(1, 1), temporaryName(1, 2)];
  const text = `${first}=1;${loopMarks(`for(;;){${siteMark(1)}${second}="${first}";}`, false)}`;
  expect(withoutMarks(text, (site) => `keep(${site});`)).toBe(`t1=1;for(;;){keep(1);t1="${first}";}`);
});
