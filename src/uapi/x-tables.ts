/** linux/netfilter/x_tables.h */

/** A target's verdict: go on with the next rule (XT_CONTINUE). */
export const XT_CONTINUE = 0xffffffff;

/** A verdict inside a table: back to the chain that led here (XT_RETURN). */
export const XT_RETURN = -5;

/** A name has one byte less, for it ends with a zero. */
export const XT_EXTENSION_MAXNAMELEN = 29;
