/** Matches and targets that scripts registered (module `xtable`), as rules look them up: behind the standard ones. */

import { NF_INET } from "../../uapi/netfilter.ts";
import {
  type ExtensionPacket,
  type ExtensionTable,
  type MatchExtension,
  type TargetExtension,
  USERARGS_BYTES,
} from "../extensions.ts";
import { type MatchSpec, type TargetSpec, XT_CONTINUE } from "./declare.ts";
import { STANDARD_EXTENSIONS } from "./extensions.ts";
import type { XtPacket } from "./packet.ts";
import type { Extensions } from "./rule.ts";
import { ValueError } from "./values.ts";

/** Verdicts of netfilter; a target's other answers mean that the walk goes on. */
const LAST_VERDICT = 5;
/** Rules say nothing to a script's extension: there is no user-space side to say it with. */
const NO_ARGUMENTS = "\0".repeat(USERARGS_BYTES);

export function withScripts(extensions: ExtensionTable): Extensions {
  return {
    match(name, family) {
      const standard = STANDARD_EXTENSIONS.match(name, family);
      const found = standard ? undefined : extensions.find("match", name, undefined, family);
      return standard ?? (found && matchOf(found));
    },
    target(name, family) {
      const standard = STANDARD_EXTENSIONS.target(name, family);
      const found = standard ? undefined : extensions.find("target", name, undefined, family);
      return standard ?? (found && targetOf(found));
    },
  };
}

function matchOf(extension: MatchExtension): MatchSpec {
  return {
    ...placeOf(extension),
    options: {},
    build() {
      enter(extension);
      return (packet) => {
        const { matches, hotdrop } = extension.match(parametersOf(packet), NO_ARGUMENTS);
        if (hotdrop) packet.hotdrop = true;
        return matches;
      };
    },
  };
}

function targetOf(extension: TargetExtension): TargetSpec {
  return {
    ...placeOf(extension),
    options: {},
    build() {
      enter(extension);
      return (packet) => {
        const verdict = extension.target(parametersOf(packet), NO_ARGUMENTS);
        return verdict <= LAST_VERDICT ? verdict : XT_CONTINUE;
      };
    },
  };
}

function placeOf({ proto, hooks }: MatchExtension | TargetExtension): {
  protocols?: number[];
  hooks?: number[];
} {
  const points = Array.from({ length: NF_INET.NF_INET_NUMHOOKS }, (_, hooknum) => hooknum);
  return {
    ...(proto === 0 ? {} : { protocols: [proto] }),
    ...(hooks === 0 ? {} : { hooks: points.filter((hooknum) => hooks & (1 << hooknum)) }),
  };
}

function enter(extension: MatchExtension | TargetExtension): void {
  if (!extension.checkEntry(NO_ARGUMENTS)) throw new ValueError("its checkentry refuses the rule");
}

const parametersOf = (packet: XtPacket): ExtensionPacket => ({
  skb: packet.skb,
  hotdrop: false,
  thoff: packet.transport - packet.netOffset,
  fragoff: packet.fragmentOffset / 8,
  hooknum: packet.hooknum,
});
