/* Integer types for headers that the XDP program shares with user space. */
#pragma once

#ifdef __bpf__
/* glibc's stdint.h does not compile for the bpf target. */
#include <linux/types.h>

typedef __u8 uint8_t;
typedef __u16 uint16_t;
typedef __u32 uint32_t;
typedef __u64 uint64_t;
typedef __s64 int64_t;
#define UINT16_MAX  0xffff
#define UINT32_C(n) n##U
#define UINT64_C(n) n##ULL
#else
#include <stdint.h>
#endif
