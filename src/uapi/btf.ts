/** linux/btf.h: the type information that the kernel has of itself and takes with programs and maps. */

/** The first two bytes, in the order of the machine. */
export const BTF = { BTF_MAGIC: 0xeb9f, BTF_VERSION: 1 } as const;

/** BTF_KIND_*: what a type is. */
export const BTF_KIND = {
  BTF_KIND_UNKN: 0,
  BTF_KIND_INT: 1,
  BTF_KIND_PTR: 2,
  BTF_KIND_ARRAY: 3,
  BTF_KIND_STRUCT: 4,
  BTF_KIND_UNION: 5,
  BTF_KIND_ENUM: 6,
  BTF_KIND_FWD: 7,
  BTF_KIND_TYPEDEF: 8,
  BTF_KIND_VOLATILE: 9,
  BTF_KIND_CONST: 10,
  BTF_KIND_RESTRICT: 11,
  BTF_KIND_FUNC: 12,
  BTF_KIND_FUNC_PROTO: 13,
  BTF_KIND_VAR: 14,
  BTF_KIND_DATASEC: 15,
  BTF_KIND_FLOAT: 16,
  BTF_KIND_DECL_TAG: 17,
  BTF_KIND_TYPE_TAG: 18,
  BTF_KIND_ENUM64: 19,
} as const;

/** BTF_INT_*: how an integer is shown; the lowest bit says that it has a sign. */
export const BTF_INT = { BTF_INT_SIGNED: 1, BTF_INT_CHAR: 2, BTF_INT_BOOL: 4 } as const;

/** enum btf_func_linkage */
export const BTF_FUNC_LINKAGE = { BTF_FUNC_STATIC: 0, BTF_FUNC_GLOBAL: 1, BTF_FUNC_EXTERN: 2 } as const;
