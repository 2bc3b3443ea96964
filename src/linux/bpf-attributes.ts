/** The attributes of bpf(2) (`union bpf_attr`, linux/bpf.h), one structure for each command. Pointers are addresses. */

import { bytes, chars, i32, struct, u32, u64 } from "../wire/struct.ts";

/** BPF_MAP_CREATE, as far as the arena's `map_extra`. */
export const map_create = struct("bpf_attr (BPF_MAP_CREATE)", {
  map_type: u32,
  key_size: u32,
  value_size: u32,
  max_entries: u32,
  map_flags: u32,
  inner_map_fd: u32,
  numa_node: u32,
  map_name: bytes(16),
  map_ifindex: u32,
  btf_fd: u32,
  btf_key_type_id: u32,
  btf_value_type_id: u32,
  btf_vmlinux_value_type_id: u32,
  map_extra: u64,
});

/** BPF_MAP_*_ELEM and BPF_MAP_GET_NEXT_KEY, where `value` is the next key. */
export const map_elem = struct("bpf_attr (BPF_MAP_*_ELEM)", {
  map_fd: u32,
  pad: u32,
  key: u64,
  value: u64,
  flags: u64,
});

/** BPF_MAP_*_BATCH: `count` says how many fit and, afterwards, how many there were. */
export const map_batch = struct("bpf_attr (BPF_MAP_*_BATCH)", {
  in_batch: u64,
  out_batch: u64,
  keys: u64,
  values: u64,
  count: u32,
  map_fd: u32,
  elem_flags: u64,
  flags: u64,
});

/** BPF_PROG_LOAD, as far as the true size of the log. */
export const prog_load = struct("bpf_attr (BPF_PROG_LOAD)", {
  prog_type: u32,
  insn_cnt: u32,
  insns: u64,
  license: u64,
  log_level: u32,
  log_size: u32,
  log_buf: u64,
  kern_version: u32,
  prog_flags: u32,
  prog_name: bytes(16),
  prog_ifindex: u32,
  expected_attach_type: u32,
  prog_btf_fd: u32,
  func_info_rec_size: u32,
  func_info: u64,
  func_info_cnt: u32,
  line_info_rec_size: u32,
  line_info: u64,
  line_info_cnt: u32,
  attach_btf_id: u32,
  attach_prog_fd: u32,
  core_relo_cnt: u32,
  fd_array: u64,
  core_relos: u64,
  core_relo_rec_size: u32,
  log_true_size: u32,
});

/** BPF_PROG_TEST_RUN */
export const test_run = struct("bpf_attr (BPF_PROG_TEST_RUN)", {
  prog_fd: u32,
  retval: u32,
  data_size_in: u32,
  data_size_out: u32,
  data_in: u64,
  data_out: u64,
  repeat: u32,
  duration: u32,
  ctx_size_in: u32,
  ctx_size_out: u32,
  ctx_in: u64,
  ctx_out: u64,
});

/** BPF_OBJ_PIN and BPF_OBJ_GET */
export const obj = struct("bpf_attr (BPF_OBJ_*)", { pathname: u64, bpf_fd: u32, file_flags: u32 });

/** BPF_*_GET_NEXT_ID and BPF_*_GET_FD_BY_ID, where `id` is the last one seen or the one wanted. */
export const by_id = struct("bpf_attr (BPF_*_GET_*_ID)", { id: u32, next_id: u32, open_flags: u32 });

/** BPF_OBJ_GET_INFO_BY_FD */
export const obj_info = struct("bpf_attr (BPF_OBJ_GET_INFO_BY_FD)", {
  bpf_fd: u32,
  info_len: u32,
  info: u64,
});

/** BPF_BTF_LOAD */
export const btf_load = struct("bpf_attr (BPF_BTF_LOAD)", {
  btf: u64,
  btf_log_buf: u64,
  btf_size: u32,
  btf_log_size: u32,
  btf_log_level: u32,
  btf_log_true_size: u32,
});

/** BPF_MAP_FREEZE */
export const map_freeze = struct("bpf_attr (BPF_MAP_FREEZE)", { map_fd: u32 });

/** BPF_ENABLE_STATS */
export const enable_stats = struct("bpf_attr (BPF_ENABLE_STATS)", { type: u32 });

/** What every BPF_LINK_CREATE begins with; for XDP it is all. */
export const link_create = struct("bpf_attr (BPF_LINK_CREATE)", {
  prog_fd: u32,
  target: u32,
  attach_type: u32,
  flags: u32,
});

/** BPF_LINK_CREATE of a netfilter program. */
export const link_create_netfilter = struct("bpf_attr (BPF_LINK_CREATE, netfilter)", {
  ...link_create.fields,
  pf: u32,
  hooknum: u32,
  priority: i32,
  nf_flags: u32,
});

/** BPF_LINK_CREATE of a tcx program. */
export const link_create_tcx = struct("bpf_attr (BPF_LINK_CREATE, tcx)", {
  ...link_create.fields,
  relative: u32,
  pad: u32,
  expected_revision: u64,
});

/** BPF_LINK_UPDATE */
export const link_update = struct("bpf_attr (BPF_LINK_UPDATE)", {
  link_fd: u32,
  new_prog_fd: u32,
  flags: u32,
  old_prog_fd: u32,
});

/** BPF_LINK_DETACH */
export const link_detach = struct("bpf_attr (BPF_LINK_DETACH)", { link_fd: u32 });

/** `struct bpf_prog_info`, as far as the instructions that the verifier walked. */
export const bpf_prog_info = struct("bpf_prog_info", {
  type: u32,
  id: u32,
  tag: bytes(8),
  jited_prog_len: u32,
  xlated_prog_len: u32,
  jited_prog_insns: u64,
  xlated_prog_insns: u64,
  load_time: u64,
  created_by_uid: u32,
  nr_map_ids: u32,
  map_ids: u64,
  name: chars(16),
  ifindex: u32,
  gpl_compatible: u32,
  netns_dev: u64,
  netns_ino: u64,
  nr_jited_ksyms: u32,
  nr_jited_func_lens: u32,
  jited_ksyms: u64,
  jited_func_lens: u64,
  btf_id: u32,
  func_info_rec_size: u32,
  func_info: u64,
  nr_func_info: u32,
  nr_line_info: u32,
  line_info: u64,
  jited_line_info: u64,
  nr_jited_line_info: u32,
  line_info_rec_size: u32,
  jited_line_info_rec_size: u32,
  nr_prog_tags: u32,
  prog_tags: u64,
  run_time_ns: u64,
  run_cnt: u64,
  recursion_misses: u64,
  verified_insns: u32,
});

/** `struct bpf_map_info` */
export const bpf_map_info = struct("bpf_map_info", {
  type: u32,
  id: u32,
  key_size: u32,
  value_size: u32,
  max_entries: u32,
  map_flags: u32,
  name: chars(16),
  ifindex: u32,
  btf_vmlinux_value_type_id: u32,
  netns_dev: u64,
  netns_ino: u64,
  btf_id: u32,
  btf_key_type_id: u32,
  btf_value_type_id: u32,
  btf_vmlinux_id: u32,
  map_extra: u64,
});

/** What every `struct bpf_link_info` begins with; then comes what the type of link has. */
export const bpf_link_info = struct("bpf_link_info", {
  type: u32,
  id: u32,
  prog_id: u32,
  pad: u32,
  detail: bytes(32),
});
export const bpf_link_info_netfilter = struct("bpf_link_info.netfilter", {
  pf: u32,
  hooknum: u32,
  priority: i32,
  flags: u32,
});
export const bpf_link_info_tcx = struct("bpf_link_info.tcx", { ifindex: u32, attach_type: u32 });
export const bpf_link_info_xdp = struct("bpf_link_info.xdp", { ifindex: u32 });
