/*===- bad_kernels.c - a kernel that needs libm --------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===*/

#include "torchc/runtime/KernelABI.h"

float expf(float x);

static int32_t import_exp(const torchc_env *env, const torchc_args *args, uint32_t x, uint32_t y, uint32_t z,
                          void *scratch) {
  *(float *)args->bindings[0] = expf((float)args->constants[0]);
  return 0;
}

static void grid(const int64_t *constants, int64_t *extents) { extents[0] = extents[1] = extents[2] = 1; }

__attribute__((visibility("default")))
const torchc_kernel_table torchc_kernels = {TORCHC_KERNEL_ABI_VERSION, 1, {{grid, import_exp}}};
