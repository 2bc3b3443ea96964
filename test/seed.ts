/**
 * Where random tests begin. A run of the suite is repeatable; whoever asks for more runs (MOONHOOK_FUZZ_RUNS) searches
 * where nobody has been, unless MOONHOOK_SEED says where to begin.
 */
import fc from "fast-check";

const given = process.env["MOONHOOK_SEED"];
const isSearch = process.env["MOONHOOK_FUZZ_RUNS"] !== undefined;

export const seed = given !== undefined ? Number(given) : isSearch ? Date.now() % 1_000_000_000 : 1;

fc.configureGlobal({ seed });
