/**
 * The one error that malformed bytes from outside may cause here. Packets are the exception: a bad packet
 * is ordinary, so `view` functions answer `undefined` instead of throwing.
 */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
  /** The layout or attribute set being read, such as "nlmsghdr" or "CTA_TUPLE". */
  readonly struct: string;
  /** The field or attribute that could not be read. */
  readonly field: string;
  /** Where in the given bytes the trouble starts. */
  readonly offset: number;

  constructor(struct: string, field: string, offset: number, detail: string) {
    super(`${struct}.${field} at byte ${offset}: ${detail}`);
    this.struct = struct;
    this.field = field;
    this.offset = offset;
  }
}
