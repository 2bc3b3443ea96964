/**
 * A machine as a file describes it (`--machine`):
 *
 *     { "devices": [
 *         { "name": "lan", "mac": "02:00:00:00:00:01", "addresses": ["10.0.1.1/24", "fd01::1/64"] },
 *         { "name": "wan", "addresses": ["203.0.113.1/24"], "routes": ["0.0.0.0/0", "::/0"] } ] }
 *
 * A network in `addresses` or `routes` is behind the device; of several the longest prefix counts.
 */

import { parsePrefix } from "./routes.ts";
import type { DeviceOptions } from "./simulated.ts";

/** What is wrong with a description, and where: `devices[1].mac: …`. */
export class MachineError extends Error {
  override readonly name = "MachineError";
}

type Read<T> = (value: unknown, where: string) => T;

/** The devices of the machine that `text`, JSON, describes. Throws `MachineError`. */
export function readMachine(text: string): DeviceOptions[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MachineError(`no JSON: ${(error as Error).message}`);
  }
  const { devices } = fields(value, "", { devices: list(device) });
  if (devices === undefined || devices.length === 0) throw new MachineError("'devices' is missing or empty");
  const names = devices.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new MachineError(`two devices are called '${twice}'`);
  return devices;
}

function device(value: unknown, where: string): DeviceOptions {
  const { name, mac, addresses, routes } = fields(value, where, {
    name: deviceName,
    mac: hardwareAddress,
    addresses: list(prefix("10.0.1.1/24")),
    routes: list(prefix("0.0.0.0/0")),
  });
  if (name === undefined) throw new MachineError(`${where}: 'name' is missing`);
  return {
    name,
    ...(mac === undefined ? {} : { hardwareAddress: mac }),
    ...(addresses === undefined ? {} : { addresses }),
    ...(routes === undefined ? {} : { routes }),
  };
}

/** The known fields of an object, each read its own way; others are an error, as they would be misspelt. */
function fields<T>(
  value: unknown,
  where: string,
  known: { readonly [K in keyof T]: Read<T[K]> },
): { [K in keyof T]?: T[K] } {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new MachineError(`${where || "the file"}: an object is needed`);
  const found: { [K in keyof T]?: T[K] } = {};
  for (const [name, part] of Object.entries(value)) {
    const place = where === "" ? name : `${where}.${name}`;
    if (!Object.hasOwn(known, name))
      throw new MachineError(`${place}: there is no such field; there are ${Object.keys(known).join(", ")}`);
    const key = name as keyof T;
    found[key] = known[key](part, place);
  }
  return found;
}

const list =
  <T>(read: Read<T>): Read<T[]> =>
  (value, where) => {
    if (!Array.isArray(value)) throw new MachineError(`${where}: a list is needed`);
    return value.map((part, i) => read(part, `${where}[${i}]`));
  };

/** IFNAMSIZ, linux/if.h: 16 bytes with the end. */
const MOST_NAME = 15;
const deviceName: Read<string> = (value, where) => {
  if (typeof value !== "string" || !/^[^\s/:]+$/.test(value) || value.length > MOST_NAME || value === "lo")
    throw new MachineError(`${where}: a name of 1 to ${MOST_NAME} characters is needed, other than 'lo'`);
  return value;
};

const hardwareAddress: Read<Uint8Array> = (value, where) => {
  if (typeof value !== "string" || !/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(value))
    throw new MachineError(`${where}: a hardware address such as 02:00:00:00:00:01 is needed`);
  return Uint8Array.from(value.split(":"), (part) => Number.parseInt(part, 16));
};

const prefix =
  (example: string): Read<string> =>
  (value, where) => {
    if (typeof value !== "string" || parsePrefix(value) === undefined)
      throw new MachineError(`${where}: an address such as ${example} is needed`);
    return value;
  };
