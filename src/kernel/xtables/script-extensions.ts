/** Matches and targets that scripts registered (module `xtable`), as rules look them up: behind the standard ones. */

import { NF_INET } from "../../uapi/netfilter.ts";
import {
  type ExtensionPacket,
  type ExtensionTable,
  type MatchExtension,
  type TargetExtension,
  USERARGS_BYTES,
} from "../extensions.ts";
import type { MatchSpec, TargetSpec } from "./declare.ts";
import { STANDARD_EXTENSIONS } from "./extensions.ts";
import type { XtPacket } from "./packet.ts";
import type { Extensions } from "./rule.ts";
import { ValueError } from "./values.ts";

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

const matchOf = (extension: MatchExtension): MatchSpec =>
  specOf(extension, (packet) => {
    const { matches, hotdrop } = extension.match(parametersOf(packet), NO_ARGUMENTS);
    if (hotdrop) packet.hotdrop = true;
    return matches;
  });

const targetOf = (extension: TargetExtension): TargetSpec =>
  specOf(extension, (packet) => extension.target(parametersOf(packet), NO_ARGUMENTS));

/** Without options; a rule is told to the extension before it stands. */
function specOf<T>(extension: MatchExtension | TargetExtension, ask: (packet: XtPacket) => T) {
  return {
    ...placeOf(extension),
    options: {},
    build(): typeof ask {
      if (!extension.checkEntry(NO_ARGUMENTS)) throw new ValueError("its checkentry refuses the rule");
      return ask;
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

const parametersOf = (packet: XtPacket): ExtensionPacket => ({
  skb: packet.skb,
  hotdrop: false,
  thoff: packet.transport - packet.netOffset,
  fragoff: packet.fragmentOffset / 8,
  hooknum: packet.hooknum,
});
