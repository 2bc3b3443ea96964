/** `moonhook run SCRIPT`: a script on the packets of a capture (run-capture.ts) or on live ones (run-live.ts). */

import { USERARGS_BYTES } from "../kernel/extensions.ts";
import type { RuntimeContext } from "../runtime/runtime.ts";
import { parseIpv4 } from "../wire/ipv4.ts";
import { parseIpv6 } from "../wire/ipv6.ts";
import { attachOption, deviceNames, RUN_ATTACH_OPTION } from "./attach-option.ts";
import { jsonPrinter, quietPrinter, textPrinter } from "./event-printer.ts";
import { usageFailure } from "./failure.ts";
import { readMachineFile } from "./machine-file.ts";
import type { Streams, Subcommand } from "./main.ts";
import { type CommandLine, numberOption, type ParsedLine, stringOption } from "./options.ts";
import { readRules } from "./rule-files.ts";
import type { CaptureRunOptions } from "./run-capture.ts";
import { readScript } from "./script-file.ts";

const MIB = 1024 * 1024;
const CONTEXTS: readonly string[] = ["softirq", "hardirq", "process"];
const HINT = "Try 'moonhook run --help'.";
/** Options that mean something on one backend only. */
const SIM_ONLY = ["pcap", "write", "local", "machine", "rules", "rules6", "counters"];
const NFQUEUE_ONLY = ["fail"];
const EBPF_ONLY = ["pin", "replace", "attach", "xdp", "userargs"];
const FOREIGN: Readonly<Record<string, readonly string[]>> = {
  sim: ["netns", ...NFQUEUE_ONLY, ...EBPF_ONLY],
  nfqueue: [...SIM_ONLY, ...EBPF_ONLY],
  ebpf: [...SIM_ONLY, ...NFQUEUE_ONLY],
  live: SIM_ONLY,
};

const commandLine: CommandLine = {
  name: "run",
  synopsis: "SCRIPT [softirq|hardirq|process] [options]",
  summary: "Runs a script on packets: those of a capture file (--pcap), or live ones of Linux.",
  options: {
    on: {
      value: "BACKEND",
      choices: ["auto", "sim", "nfqueue", "ebpf"],
      help: "auto (the default) takes sim with --pcap, otherwise ebpf, or nfqueue where that cannot be",
    },
    pcap: { value: "FILE", help: "sim: packets from this pcap or pcapng file; '-' is standard input" },
    write: {
      value: "FILE",
      help: "sim: the packets that left the path, as rewritten; '-' is standard output",
    },
    local: {
      value: "ADDR,…",
      help: "sim: the machine's own addresses; auto takes the busiest of the capture",
    },
    machine: {
      value: "FILE",
      help: 'sim: the machine\'s devices, addresses and routes, as JSON: {"devices": [{"name", "mac", "addresses", "routes"}]}',
    },
    rules: { value: "FILE", help: "sim: rules that stand in the path, as iptables-save writes them" },
    rules6: { value: "FILE", help: "sim: the same for IPv6, as ip6tables-save writes them" },
    counters: {
      value: "FILE",
      help: "sim: the rules with their counters go there at the end; '-' is standard output",
    },
    netns: { value: "NAME", help: "live: in this network namespace" },
    pin: {
      value: "NAME",
      help: "ebpf: the hooks stay when this process ends, until 'moonhook stop NAME'",
    },
    replace: { help: "ebpf: with --pin, in the place of what runs under this name, without a gap" },
    attach: RUN_ATTACH_OPTION,
    xdp: {
      value: "DEV,…",
      help: "ebpf: the function of xdp.attach runs on the frames of these devices, or of 'all'",
    },
    userargs: {
      value: "TEXT",
      help: "ebpf: what rules give the script's matches, filled up with zeros to 256 bytes",
    },
    fail: {
      value: "HOW",
      choices: ["open", "closed"],
      help: "nfqueue: packets that cannot be asked about pass (open, the default) or are dropped",
    },
    budget: {
      value: "N",
      help: "loop rounds and calls that a hook may use for one packet (default 1000000)",
    },
    memory: { value: "MIB", help: "mebibytes that the script may keep alive (default 128)" },
    json: { help: "one JSON object a line" },
    quiet: { help: "only the summary" },
  },
  notes: [
    "Live runs end with Ctrl-C; their rules and hooks end with the process, however it ends, unless they are pinned.",
    "SIGHUP has a live run read its script again and put it in the place of the old version, without a gap; one that cannot run leaves the old one there. What the old one kept for later packets is gone.",
    "With --attach tcx hooks may change packets: those at PRE_ROUTING run at the ingress of the devices, before conntrack and NAT and before fragments are put together, those at POST_ROUTING at their egress, behind all that; hooks elsewhere are refused. The devices are those that are there at the start.",
    "In the kernel (ebpf) packets are neither reported nor counted, only what scripts print.",
    "Exit status: 0 done, 1 the script or the capture failed, 2 usage, 3 the machine cannot do it.",
  ],
};

async function run(line: ParsedLine, streams: Streams): Promise<number> {
  const [name, ...words] = line.positionals;
  if (name === undefined) throw usageFailure("no script given", HINT);
  const unknown = words.find((word) => !CONTEXTS.includes(word));
  if (unknown !== undefined)
    throw usageFailure(`'${unknown}' is no context; they are ${CONTEXTS.join(", ")}`, HINT);
  const pcap = stringOption(line, "pcap");
  const on = stringOption(line, "on") ?? "auto";
  const pinned = stringOption(line, "pin");
  const attach = stringOption(line, "attach");
  const xdp = stringOption(line, "xdp");
  const backend =
    on !== "auto"
      ? on
      : pcap !== undefined
        ? "sim"
        : pinned !== undefined || attach !== undefined || xdp !== undefined
          ? "ebpf"
          : "live";
  const foreign = FOREIGN[backend]!.find((option) => line.values[option] !== undefined);
  if (foreign !== undefined) throw usageFailure(`--${foreign} means nothing on ${backend}`, HINT);
  const write = stringOption(line, "write");
  // Where the capture goes to standard output, all else is talk.
  const shown = write === "-" ? { out: streams.talk, talk: streams.talk } : streams;
  const printer = line.values["json"]
    ? jsonPrinter(shown)
    : line.values["quiet"]
      ? quietPrinter(shown)
      : textPrinter(shown);
  const budget = numberOption(line, commandLine, "budget");
  const memory = numberOption(line, commandLine, "memory");
  const common = {
    ...(words[0] === undefined ? {} : { context: words[0] as RuntimeContext }),
    ...(budget === undefined ? {} : { budget }),
    ...(memory === undefined ? {} : { memoryLimitBytes: memory * MIB }),
  };
  if (backend !== "sim") {
    const script = readScript(name);
    const netns = stringOption(line, "netns");
    if (attach === "rules" && pinned !== undefined)
      throw usageFailure("--attach rules: rules end with the process, and cannot be pinned", HINT);
    const replace = line.values["replace"] === true;
    if (replace && pinned === undefined)
      throw usageFailure("--replace needs the name that runs: --pin NAME", HINT);
    const { runLive } = await import("./run-live.ts");
    const options = {
      ...common,
      on: backend === "live" ? "auto" : (backend as "nfqueue" | "ebpf"),
      failClosed: line.values["fail"] === "closed",
      ...(netns === undefined ? {} : { netns }),
      ...(pinned === undefined ? {} : { pin: pinned, replace }),
      ...userargsOption(line),
      ...(attach === undefined ? {} : attachOption(attach, HINT)),
      ...(xdp === undefined ? {} : { xdp: xdp === "all" ? [] : deviceNames("xdp", xdp, HINT) }),
    } as const;
    return runLive(script, options, printer, streams);
  }
  if (pcap === undefined) throw usageFailure("sim needs packets: give a capture with --pcap FILE", HINT);
  const script = readScript(name);
  const local = stringOption(line, "local");
  const machine = stringOption(line, "machine");
  const { runCapture } = await import("./run-capture.ts");
  const options = {
    ...common,
    pcap,
    ...(write === undefined ? {} : { write }),
    ...(local === undefined ? {} : { local: local === "auto" ? ("auto" as const) : localAddresses(local) }),
    ...(machine === undefined ? {} : { devices: readMachineFile(machine) }),
    ...ruleOptions(line),
  };
  return runCapture(script, options, printer, shown);
}

function ruleOptions(line: ParsedLine): Pick<CaptureRunOptions, "rules" | "counters"> {
  const v4 = stringOption(line, "rules");
  const v6 = stringOption(line, "rules6");
  const counters = stringOption(line, "counters");
  if (v4 === undefined && v6 === undefined) {
    if (counters !== undefined)
      throw usageFailure("--counters needs rules: --rules FILE or --rules6 FILE", HINT);
    return {};
  }
  return {
    rules: {
      ...(v4 === undefined ? {} : { v4: readRules(v4) }),
      ...(v6 === undefined ? {} : { v6: readRules(v6) }),
    },
    ...(counters === undefined ? {} : { counters }),
  };
}

function userargsOption(line: ParsedLine): { userargs?: string } {
  const text = stringOption(line, "userargs");
  if (text === undefined) return {};
  const userargs = Buffer.from(text).toString("latin1");
  if (userargs.length > USERARGS_BYTES)
    throw usageFailure(
      `--userargs: ${userargs.length} bytes, and rules have room for ${USERARGS_BYTES}`,
      HINT,
    );
  return { userargs };
}

function localAddresses(text: string): string[] {
  const addresses = text.split(",");
  const wrong = addresses.find((text) => parseIpv4(text) === undefined && parseIpv6(text) === undefined);
  if (wrong !== undefined) throw usageFailure(`--local: '${wrong}' is no IPv4 or IPv6 address`, HINT);
  return addresses;
}

export const runCommand: Subcommand = { commandLine, run };
