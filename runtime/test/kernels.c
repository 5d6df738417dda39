/*===- kernels.c - kernels for the runtime's tests ----------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===*/

#include "torchc/runtime/KernelABI.h"

#define KERNEL(name)                                                                                                   \
  static int32_t name(const torchc_env *env, const torchc_args *args, uint32_t x, uint32_t y, uint32_t z, void *scratch)

/* The first three constants of every kernel are the extents of its grid. */
static void grid(const int64_t *constants, int64_t *extents) {
  for (int i = 0; i < 3; ++i)
    extents[i] = constants[i];
}

/* out[i] = in[i] + constants[3], 16 elements of f32 a work group. */
KERNEL(add_constant) {
  const float *in = args->bindings[0];
  float *out = args->bindings[1];
  const uint64_t count = args->binding_lengths[1] / sizeof(float);
  for (uint64_t i = x * 16ull; i < x * 16ull + 16 && i < count; ++i)
    out[i] = in[i] + (float)args->constants[3];
  return 0;
}

/* out[x, y, z] = 1 + its work group's number; i32. */
KERNEL(number_groups) {
  int32_t *out = args->bindings[0];
  const uint32_t *count = args->workgroup_count;
  const uint64_t item = ((uint64_t)z * count[1] + y) * count[0] + x;
  out[item] = (int32_t)item + 1;
  return 0;
}

/* Fails with code constants[4] from work group constants[3] on. */
KERNEL(fail_from) { return x >= (uint64_t)args->constants[3] ? (int32_t)args->constants[4] : 0; }

/* Sums a row of 64 by way of scratch memory; i32. */
KERNEL(sum_row) {
  const int32_t *in = (const int32_t *)args->bindings[0] + x * 64ull;
  int32_t *out = args->bindings[1];
  volatile int32_t *copy = scratch;
  for (int i = 0; i < 64; ++i)
    copy[i] = in[i];
  int32_t sum = 0;
  for (int i = 0; i < 64; ++i)
    sum += copy[i];
  out[x] = env->worker_index < env->worker_count ? sum : -1;
  return 0;
}

__attribute__((visibility("default"))) const torchc_kernel_table torchc_kernels = {
    TORCHC_KERNEL_ABI_VERSION, 4, {{grid, add_constant}, {grid, number_groups}, {grid, fail_from}, {grid, sum_row}}};
