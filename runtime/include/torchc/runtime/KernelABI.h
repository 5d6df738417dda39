/*===- KernelABI.h - how the runtime calls a kernel -------------*- C -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel computes one work group of a grid. It imports nothing and keeps nothing
// between calls; work groups run in any order, on any thread. A kernel library
// exports one symbol, `torchc_kernels`, of type `torchc_kernel_table`.
//
//===----------------------------------------------------------------------===*/

#ifndef TORCHC_RUNTIME_KERNELABI_H
#define TORCHC_RUNTIME_KERNELABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TORCHC_KERNEL_ABI_VERSION 2u
#define TORCHC_KERNEL_TABLE_SYMBOL "torchc_kernels"

/* What runs the kernel. Fields are only ever added at the end. */
typedef struct torchc_env {
  uint32_t struct_size;
  uint32_t worker_index; /* 0 is the calling thread */
  uint32_t worker_count;
} torchc_env;

/* What a dispatch passes, the same for all of its work groups. Tensors are
 * contiguous and row-major. A binding is aligned to its element at least; constants,
 * outputs that the runtime allocates and slabs to 64 bytes. Bindings may be empty
 * (length 0, any pointer). An output may be the storage of an input only where the
 * host program says so. */
typedef struct torchc_args {
  void *const *bindings;           /*  0: inputs, then outputs */
  const uint64_t *binding_lengths; /*  8: in bytes */
  const int64_t *constants;        /* 16: dims, offsets */
  uint32_t workgroup_count[3];     /* 24: x, y, z */
  uint32_t binding_count;          /* 36 */
  uint32_t constant_count;         /* 40 */
} torchc_args;

/* Computes work group (x, y, z). `scratch` is this worker's own memory, 64-byte
 * aligned, of the size in the module's kernel table; its contents are undefined.
 * Returns 0 or one of the codes below. */
typedef int32_t (*torchc_kernel_fn)(const torchc_env *env, const torchc_args *args, uint32_t x, uint32_t y, uint32_t z,
                                    void *scratch);

/* Writes the extents x, y, z of a kernel's grid for a dispatch's constants. The same
 * kernel for another CPU may have another grid: its tiles are those of the CPU. */
typedef void (*torchc_grid_fn)(const int64_t *constants, int64_t *extents);

typedef struct torchc_kernel {
  torchc_grid_fn grid;
  torchc_kernel_fn run;
} torchc_kernel;

enum {
  TORCHC_KERNEL_OK = 0,
  TORCHC_KERNEL_INDEX_OUT_OF_RANGE = 1,
  TORCHC_KERNEL_DIVISION_BY_ZERO = 2,
  TORCHC_KERNEL_INVALID_VALUE = 3,
  /* TORCHC_KERNEL_MESSAGE + n: the module's message n. */
  TORCHC_KERNEL_MESSAGE = 0x10000
};

/* `kernels` in the order of the module's kernel table. */
typedef struct torchc_kernel_table {
  uint32_t abi_version; /* TORCHC_KERNEL_ABI_VERSION */
  uint32_t count;
  torchc_kernel kernels[];
} torchc_kernel_table;

#ifdef __cplusplus
}
#endif

#endif /* TORCHC_RUNTIME_KERNELABI_H */
