/*===- runtime.h - the runtime's C API --------------------------*- C -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//
// Load, make a session, call:
//
//   torchc_program *program;
//   torchc_status *status = torchc_program_load("model.vmfb", NULL, &program);
//   if (status) puts(torchc_status_get_message(status));
//
// Functions that can fail return a status, NULL for success, which the caller frees;
// their results are written on success only. Handles are freed by their own free
// functions, which take NULL. A struct begins with its size, so that later versions may
// add fields at its end.
//
//===----------------------------------------------------------------------===*/

#ifndef TORCHC_RUNTIME_H
#define TORCHC_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TORCHC_API __attribute__((visibility("default")))
#else
#define TORCHC_API
#endif

typedef struct torchc_program torchc_program; /* Immutable; may be used by many threads. */
typedef struct torchc_device torchc_device;   /* Likewise. */
typedef struct torchc_session torchc_session; /* One thread at a time. */
typedef struct torchc_tensor torchc_tensor;   /* Immutable handle on shared elements. */
typedef struct torchc_status torchc_status;   /* NULL is success. */

/* Numbers are those of torchc::runtime::StatusCode. */
typedef enum torchc_status_code {
  TORCHC_OK = 0,
  TORCHC_INVALID_ARGUMENT = 1,
  TORCHC_FAILED = 2,
  TORCHC_INVALID_MODULE = 3,
  TORCHC_INCOMPATIBLE = 4,
  TORCHC_IO = 5,
  TORCHC_RESOURCE_EXHAUSTED = 6
} torchc_status_code;

/* Element types are the numbers of torch's ScalarType: 6 is f32 (ElementTypes.def). */
typedef uint8_t torchc_element_type;

TORCHC_API torchc_status_code torchc_status_get_code(const torchc_status *status);
/* One line; lives as long as the status. */
TORCHC_API const char *torchc_status_get_message(const torchc_status *status);
TORCHC_API void torchc_status_free(torchc_status *status);

typedef struct torchc_load_options {
  size_t struct_size; /* sizeof(torchc_load_options) */
  int verify_constants;
  int inspect_only; /* Loads no native code; the program cannot run. */
} torchc_load_options;

/* `options` may be NULL. */
TORCHC_API torchc_status *torchc_program_load(const char *path, const torchc_load_options *options,
                                              torchc_program **program);
TORCHC_API torchc_status *torchc_program_copy_bytes(const void *bytes, size_t size, const torchc_load_options *options,
                                                    torchc_program **program);
/* Uses the bytes in place: they are 64-byte aligned and stay until `release` is called,
 * which is not called on error and may be NULL. */
TORCHC_API torchc_status *torchc_program_borrow_bytes(const void *bytes, size_t size, void (*release)(void *context),
                                                      void *context, const torchc_load_options *options,
                                                      torchc_program **program);
TORCHC_API void torchc_program_free(torchc_program *program);

typedef struct torchc_function_info {
  size_t struct_size; /* Set by the caller; fields beyond it are not written. */
  const char *name;   /* Strings live as long as the program. */
  uint32_t input_count, output_count, symbol_count;
  const char *input_spec, *output_spec; /* torch.utils._pytree specs, or "" */
  uint64_t slab_bytes; /* Memory that the compiler planned; 0: none, or it depends on shapes. */
  uint64_t live_bytes; /* The most of it that is in use at once. */
} torchc_function_info;

typedef struct torchc_value_info {
  size_t struct_size;
  const char *name;
  uint8_t kind; /* 0 tensor; 1 int, 2 float, 3 bool: Python scalars, passed with rank 0 */
  torchc_element_type element_type;
  uint8_t rank;
  const int64_t *dims; /* d >= 0 static; -1 - k is symbol k; INT64_MIN unknown */
} torchc_value_info;

TORCHC_API uint32_t torchc_program_get_function_count(const torchc_program *program);
TORCHC_API torchc_status *torchc_program_find_function(const torchc_program *program, const char *name, uint32_t *function);
TORCHC_API torchc_status *torchc_program_get_function(const torchc_program *program, uint32_t function,
                                                      torchc_function_info *info);
TORCHC_API torchc_status *torchc_program_get_input(const torchc_program *program, uint32_t function, uint32_t index,
                                                   torchc_value_info *info);
TORCHC_API torchc_status *torchc_program_get_output(const torchc_program *program, uint32_t function, uint32_t index,
                                                    torchc_value_info *info);

typedef struct torchc_kernel_info {
  size_t struct_size;
  const char *name;
  uint32_t input_count, output_count;
  uint64_t scratch_bytes; /* Of one worker. */
} torchc_kernel_info;

/* An op of the model and where the user's program calls it; "" if not known. */
typedef struct torchc_source_info {
  size_t struct_size;
  const char *op;       /* "aten.linear.default" */
  const char *location; /* "model.py:27" */
} torchc_source_info;

TORCHC_API uint32_t torchc_program_get_kernel_count(const torchc_program *program);
TORCHC_API torchc_status *torchc_program_get_kernel(const torchc_program *program, uint32_t kernel,
                                                    torchc_kernel_info *info);
/* Of the dispatch at an instruction, as in torchc_dispatch_event; 0 if the file has no
 * debug info for it. The first source is the op that decides how the kernel works. */
TORCHC_API uint32_t torchc_program_get_source_count(const torchc_program *program, uint32_t instruction);
TORCHC_API torchc_status *torchc_program_get_source(const torchc_program *program, uint32_t instruction,
                                                    uint32_t index, torchc_source_info *info);

TORCHC_API torchc_status *torchc_device_create_local_sync(torchc_device **device);
/* `threads` with the caller's; 0: one a CPU. */
TORCHC_API torchc_status *torchc_device_create_local_task(uint32_t threads, torchc_device **device);
TORCHC_API void torchc_device_free(torchc_device *device);

/* New memory, 64-byte aligned, undefined contents. */
TORCHC_API torchc_status *torchc_tensor_allocate(torchc_element_type type, const int64_t *dims, uint8_t rank,
                                                 torchc_tensor **tensor);
/* The caller's memory: contiguous, row-major, just `size` bytes, there until `release`
 * is called, which is not called on error and may be NULL. */
TORCHC_API torchc_status *torchc_tensor_borrow(void *data, uint64_t size, torchc_element_type type, const int64_t *dims,
                                               uint8_t rank, int is_read_only, void (*release)(void *context),
                                               void *context, torchc_tensor **tensor);
TORCHC_API const void *torchc_tensor_get_data(const torchc_tensor *tensor);
/* NULL for a read-only tensor. */
TORCHC_API void *torchc_tensor_get_mutable_data(torchc_tensor *tensor);
TORCHC_API uint64_t torchc_tensor_get_byte_length(const torchc_tensor *tensor);
TORCHC_API torchc_element_type torchc_tensor_get_element_type(const torchc_tensor *tensor);
/* Returns the rank; `dims` lives as long as the tensor. */
TORCHC_API uint8_t torchc_tensor_get_dims(const torchc_tensor *tensor, const int64_t **dims);
TORCHC_API void torchc_tensor_free(torchc_tensor *tensor);

typedef struct torchc_session_options {
  size_t struct_size;
  uint64_t max_steps;        /* 0: no limit */
  uint64_t max_memory_bytes; /* 0: no limit */
} torchc_session_options;

typedef struct torchc_session_stats {
  size_t struct_size;
  uint64_t calls, pool_bytes, peak_bytes, scratch_bytes;
  uint64_t dispatches;   /* Of all calls. */
  uint64_t slab_bytes;   /* The most bytes of slabs that were in use at once. */
  uint64_t output_bytes; /* Of the last call that succeeded. */
} torchc_session_stats;

/* Times are nanoseconds of CLOCK_MONOTONIC. */
typedef struct torchc_dispatch_event {
  size_t struct_size; /* Of the runtime's version of the struct. */
  uint32_t kernel, instruction;
  uint64_t begin, end;
  uint64_t workgroups;
  uint64_t bytes_read, bytes_written; /* Sizes of all inputs, of all outputs. */
} torchc_dispatch_event;

/* Work groups that a worker ran one after the other. */
typedef struct torchc_batch_event {
  size_t struct_size;
  uint32_t kernel, instruction;
  uint32_t worker; /* 0 is the calling thread. */
  uint64_t begin, end;
  uint64_t first_workgroup, workgroup_count;
} torchc_batch_event;

/* Functions that are NULL are not called. on_dispatch is called in the calling thread,
 * on_batch in that of the worker: several threads may be in it at once. */
typedef struct torchc_profiler {
  size_t struct_size;
  void *context;
  void (*on_dispatch)(void *context, const torchc_dispatch_event *event);
  void (*on_batch)(void *context, const torchc_batch_event *event);
} torchc_profiler;

/* Keeps the program and the device alive. `options` may be NULL. */
TORCHC_API torchc_status *torchc_session_create(const torchc_program *program, const torchc_device *device,
                                                const torchc_session_options *options, torchc_session **session);
/* An output that is NULL becomes a new tensor, the caller's to free; any other is written
 * in place. On error the outputs are as they were. */
TORCHC_API torchc_status *torchc_session_call(torchc_session *session, uint32_t function,
                                              const torchc_tensor *const *inputs, uint32_t input_count,
                                              torchc_tensor **outputs, uint32_t output_count);
TORCHC_API void torchc_session_get_stats(const torchc_session *session, torchc_session_stats *stats);
/* Reports the calls from now on; NULL ends it. Not during a call. */
TORCHC_API void torchc_session_set_profiler(torchc_session *session, const torchc_profiler *profiler);
TORCHC_API void torchc_session_free(torchc_session *session);

#ifdef __cplusplus
}
#endif

#endif /* TORCHC_RUNTIME_H */
