/** linux/genetlink.h. */
import { layout } from "./layout.ts";

export const GENL_ID = {
  GENL_ID_CTRL: 16,
  GENL_ID_VFS_DQUOT: 17,
  GENL_ID_PMCRAID: 18,
} as const;

/** Commands of the "nlctrl" family. */
export const CTRL_CMD = {
  CTRL_CMD_UNSPEC: 0,
  CTRL_CMD_NEWFAMILY: 1,
  CTRL_CMD_DELFAMILY: 2,
  CTRL_CMD_GETFAMILY: 3,
  CTRL_CMD_NEWOPS: 4,
  CTRL_CMD_DELOPS: 5,
  CTRL_CMD_GETOPS: 6,
  CTRL_CMD_NEWMCAST_GRP: 7,
  CTRL_CMD_DELMCAST_GRP: 8,
  CTRL_CMD_GETMCAST_GRP: 9,
  CTRL_CMD_GETPOLICY: 10,
  CTRL_CMD_MAX: 10,
} as const;

/** Attributes of the "nlctrl" family and of the sets nested in them. */
export const CTRL_ATTR = {
  CTRL_ATTR_MCAST_GRP_UNSPEC: 0,
  CTRL_ATTR_OP_UNSPEC: 0,
  CTRL_ATTR_POLICY_UNSPEC: 0,
  CTRL_ATTR_UNSPEC: 0,
  CTRL_ATTR_FAMILY_ID: 1,
  CTRL_ATTR_MCAST_GRP_NAME: 1,
  CTRL_ATTR_OP_ID: 1,
  CTRL_ATTR_POLICY_DO: 1,
  CTRL_ATTR_FAMILY_NAME: 2,
  CTRL_ATTR_MCAST_GRP_ID: 2,
  CTRL_ATTR_MCAST_GRP_MAX: 2,
  CTRL_ATTR_OP_FLAGS: 2,
  CTRL_ATTR_OP_MAX: 2,
  CTRL_ATTR_POLICY_DUMP: 2,
  CTRL_ATTR_POLICY_DUMP_MAX: 2,
  CTRL_ATTR_POLICY_MAX: 2,
  CTRL_ATTR_VERSION: 3,
  CTRL_ATTR_HDRSIZE: 4,
  CTRL_ATTR_MAXATTR: 5,
  CTRL_ATTR_OPS: 6,
  CTRL_ATTR_MCAST_GROUPS: 7,
  CTRL_ATTR_POLICY: 8,
  CTRL_ATTR_OP_POLICY: 9,
  CTRL_ATTR_MAX: 10,
  CTRL_ATTR_OP: 10,
} as const;

export const genetlinkLayouts = {
  genlmsghdr: layout(4, [
    ["cmd", 0, 1],
    ["version", 1, 1],
    ["reserved", 2, 2],
  ]),
};
