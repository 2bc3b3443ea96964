/** The attributes of bpf(2) (`union bpf_attr`, linux/bpf.h), one structure for each command. Pointers are addresses. */

import { bytes, struct, u32, u64 } from "../wire/struct.ts";

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

/** BPF_PROG_LOAD, as far as function information. */
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
