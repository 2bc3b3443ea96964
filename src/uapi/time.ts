/** linux/time.h, on 64-bit machines. */
import { layout } from "./layout.ts";

export const timeLayouts = {
  timeval: layout(16, [
    ["tv_sec", 0, 8, "signed"],
    ["tv_usec", 8, 8, "signed"],
  ]),
};
