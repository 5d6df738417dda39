/*===- linked.h - programs that are part of the executable ------*- C -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//
// `torchc-compile --emit=static-library` writes an archive that defines a
// torchc_linked_program, and a header with functions of the model's signature that
// call what is declared here. Nothing is read from files, no memory becomes executable.
//
//===----------------------------------------------------------------------===*/

#ifndef TORCHC_LINKED_H
#define TORCHC_LINKED_H

#include "torchc/runtime.h"
#include "torchc/runtime/KernelABI.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct torchc_linked_program {
  const void *bytes; /* A .vmfb without machine code, 64-byte aligned */
  uint64_t size;
  const torchc_kernel_table *const *libraries; /* In the order of the module's */
  uint64_t library_count;
} torchc_linked_program;

/* A tensor in the caller's memory: contiguous, row-major, of the type and rank that the
 * signature has. `dims` may be NULL for rank 0. */
typedef struct torchc_buffer {
  void *data;
  const int64_t *dims;
} torchc_buffer;

/* The program, with the kernels that suit this CPU. Nothing of it is verified: it is as
 * trustworthy as the executable's code.
 * Errors: TORCHC_INCOMPATIBLE (no kernels suit the CPU; a runtime of another version). */
TORCHC_API torchc_status *torchc_program_link(const torchc_linked_program *linked, torchc_program **program);

/* A session of the program in the calling thread. torchc_program_link followed by
 * torchc_session_create gives one with threads, parameters, custom ops or limits; an
 * executable that does without has no code for them. Errors: as above; TORCHC_INVALID_ARGUMENT
 * (the program has custom ops). */
TORCHC_API torchc_status *torchc_linked_create_session(const torchc_linked_program *linked, torchc_session **session);

/* Calls a function on buffers, one for each input and each output of its signature;
 * outputs overlap nothing. Once a function has been called with the largest shapes,
 * further calls of it allocate no memory. */
TORCHC_API torchc_status *torchc_session_call_buffers(torchc_session *session, uint32_t function,
                                                      const torchc_buffer *inputs, const torchc_buffer *outputs);

#ifdef __cplusplus
}
#endif

#endif /* TORCHC_LINKED_H */
