/*===- runtime.h - the runtime's C API --------------------------*- C -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//
// Load, make a session, call:
//
//   torchc_program *program = NULL; torchc_session *session = NULL; torchc_tensor *output = NULL;
//   torchc_status *status = torchc_program_load("model.vmfb", NULL, &program);
//   if (!status) status = torchc_session_create(program, NULL, NULL, &session);
//   if (!status) status = torchc_session_call(session, 0, &input, 1, &output, 1);
//   if (status) puts(torchc_status_get_message(status));
//   torchc_status_free(status);
//
// C++ programs use torchc/runtime.hpp, a thin header over this one.
//
// Errors. Functions that can fail return a status: NULL for success, else an object that
// the caller frees. Their results are written on success only. Every function that
// allocates can fail with TORCHC_RESOURCE_EXHAUSTED; what else can happen stands with the
// function. Nothing is thrown, nothing exits, nothing is printed.
//
// Ownership. A handle that a function gives is the caller's and freed with the free
// function of its type, which takes NULL; everything that needs it longer keeps it alive
// by itself. Strings and dims that a function gives belong to the handle that it was
// asked of. Arguments are borrowed for the call unless it says otherwise. No pointer but
// those of `options`, `release`, `context`, and single outputs of a call may be NULL.
//
// Threads. Programs, devices, tensors (not their elements) and parameters that are
// complete may be used by any number of threads at once. A session is for one thread at
// a time: a second one gets TORCHC_INVALID_ARGUMENT from functions that give a status, and
// must not call the others but torchc_session_set_cancelled. Statuses have no lock.
// Handles are freed by one thread.
//
// Versions. Within one TORCHC_RUNTIME_ABI_VERSION functions are only added and structs
// only grow at their end; a struct begins with its size, which the caller sets.
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

#define TORCHC_RUNTIME_ABI_VERSION 1

/* That of the library: a program may run if it is the macro's that it was built with. */
TORCHC_API uint32_t torchc_get_abi_version(void);
/* "0.1.0" */
TORCHC_API const char *torchc_get_version(void);

typedef struct torchc_program torchc_program;       /* Immutable. */
typedef struct torchc_device torchc_device;         /* The threads that run kernels. */
typedef struct torchc_session torchc_session;       /* A program's state for one caller. */
typedef struct torchc_tensor torchc_tensor;         /* Type and shape on shared elements. */
typedef struct torchc_parameters torchc_parameters; /* Weights outside of programs. */
typedef struct torchc_status torchc_status;         /* NULL is success. */

/*===----------------------------------------------------------------------===//
// Statuses
//===----------------------------------------------------------------------===*/

typedef enum torchc_status_code {
  TORCHC_OK = 0,
  TORCHC_INVALID_ARGUMENT = 1,   /* The caller's mistake: a wrong shape, an unknown name. */
  TORCHC_FAILED = 2,             /* The model's own check, or a kernel, refused the data. */
  TORCHC_INVALID_MODULE = 3,     /* The file is damaged or not of this format. */
  TORCHC_INCOMPATIBLE = 4,       /* The file needs another runtime or another CPU. */
  TORCHC_IO = 5,                 /* The system refused a read or a write. */
  TORCHC_RESOURCE_EXHAUSTED = 6, /* Memory, or a limit of torchc_session_options. */
  TORCHC_CANCELLED = 7           /* torchc_session_set_cancelled ended the call. */
} torchc_status_code;

/* An error of a custom op; `message` is copied. Never NULL. */
TORCHC_API torchc_status *torchc_status_create(torchc_status_code code, const char *message);
/* Of NULL: TORCHC_OK, "ok". A message is one line and lives as long as the status. */
TORCHC_API torchc_status_code torchc_status_get_code(const torchc_status *status);
TORCHC_API const char *torchc_status_get_message(const torchc_status *status);
TORCHC_API void torchc_status_free(torchc_status *status);

/*===----------------------------------------------------------------------===//
// Tensors: contiguous, row-major, of up to 16 dimensions
//===----------------------------------------------------------------------===*/

/* The numbers of torch's ScalarType. */
typedef uint8_t torchc_element_type;
enum {
  TORCHC_U8 = 0,
  TORCHC_I8 = 1,
  TORCHC_I16 = 2,
  TORCHC_I32 = 3,
  TORCHC_I64 = 4,
  TORCHC_F16 = 5,
  TORCHC_F32 = 6,
  TORCHC_F64 = 7,
  TORCHC_COMPLEX_F32 = 9,
  TORCHC_COMPLEX_F64 = 10,
  TORCHC_I1 = 11, /* One byte, 0 or 1. */
  TORCHC_BF16 = 15,
  TORCHC_F8E5M2 = 23,
  TORCHC_F8E4M3FN = 24,
  TORCHC_U16 = 27,
  TORCHC_U32 = 28,
  TORCHC_U64 = 29
};

/* New memory, 64-byte aligned, undefined contents.
 * Errors: TORCHC_INVALID_ARGUMENT (type, rank, a negative dim). */
TORCHC_API torchc_status *torchc_tensor_allocate(torchc_element_type type, const int64_t *dims, uint8_t rank,
                                                 torchc_tensor **tensor);
/* The caller's memory: just the `size` bytes of type and dims, aligned to the element,
 * there until `release` is called, which any thread may do, and which is not called on
 * error. Errors: TORCHC_INVALID_ARGUMENT. */
TORCHC_API torchc_status *torchc_tensor_borrow(void *data, uint64_t size, torchc_element_type type, const int64_t *dims,
                                               uint8_t rank, int is_read_only, void (*release)(void *context),
                                               void *context, torchc_tensor **tensor);
/* Another handle on the same elements. */
TORCHC_API torchc_status *torchc_tensor_share(const torchc_tensor *tensor, torchc_tensor **other);
/* Lives as long as any handle on the elements. */
TORCHC_API const void *torchc_tensor_get_data(const torchc_tensor *tensor);
/* NULL for a read-only tensor. */
TORCHC_API void *torchc_tensor_get_mutable_data(torchc_tensor *tensor);
TORCHC_API uint64_t torchc_tensor_get_byte_length(const torchc_tensor *tensor);
TORCHC_API torchc_element_type torchc_tensor_get_element_type(const torchc_tensor *tensor);
/* Returns the rank; `dims` lives as long as this handle. */
TORCHC_API uint8_t torchc_tensor_get_dims(const torchc_tensor *tensor, const int64_t **dims);
TORCHC_API void torchc_tensor_free(torchc_tensor *tensor);

/*===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===*/

typedef struct torchc_load_options {
  size_t struct_size;
  int verify_constants; /* Read all constants, whatever their size, and check them. */
  int inspect_only;     /* Load no native code: the program cannot run. */
  const char *variant;  /* Kernels to take, by torchc_variant_info.cpu; NULL: the best that this CPU runs. */
} torchc_load_options;

/* Maps a file, which must not change while the program lives.
 * Errors: TORCHC_IO, TORCHC_INVALID_MODULE, TORCHC_INCOMPATIBLE (no kernels for this CPU, or
 * not the ones that are asked for), TORCHC_INVALID_ARGUMENT (no such variant). */
TORCHC_API torchc_status *torchc_program_load(const char *path, const torchc_load_options *options,
                                              torchc_program **program);
/* Copies bytes of any alignment. Errors: as above, but for TORCHC_IO. */
TORCHC_API torchc_status *torchc_program_copy_bytes(const void *bytes, size_t size, const torchc_load_options *options,
                                                    torchc_program **program);
/* Uses the bytes in place: they are 64-byte aligned and stay as they are until `release`
 * is called, which any thread may do, and which is not called on error. */
TORCHC_API torchc_status *torchc_program_borrow_bytes(const void *bytes, size_t size, void (*release)(void *context),
                                                      void *context, const torchc_load_options *options,
                                                      torchc_program **program);
/* Sessions keep what they need of it. */
TORCHC_API void torchc_program_free(torchc_program *program);

/* What a program has, by index. `struct_size` is the caller's to set: what lies beyond it
 * is not written. Errors of all: TORCHC_INVALID_ARGUMENT (no such index, no such name). */

typedef struct torchc_function_info {
  size_t struct_size;
  const char *name;
  uint32_t input_count, output_count, symbol_count;
  const char *input_spec, *output_spec; /* torch.utils._pytree specs, or "" */
  uint64_t slab_bytes;                  /* Memory that the compiler planned; 0: none, or it depends on shapes. */
  uint64_t live_bytes;                  /* The most of it that is in use at once. */
} torchc_function_info;

typedef struct torchc_value_info {
  size_t struct_size;
  const char *name;
  uint8_t kind; /* 0 tensor; 1 int, 2 float, 3 bool: Python scalars, passed with rank 0 */
  torchc_element_type element_type;
  uint8_t rank;
  const int64_t *dims; /* d >= 0 static; -1 - k is symbol k; INT64_MIN known after the call */
} torchc_value_info;

/* A dimension that a call chooses. */
typedef struct torchc_symbol_info {
  size_t struct_size;
  const char *name;
  int64_t min, max, multiple_of;
} torchc_symbol_info;

/* A tensor that torchc_session_options.parameters must hold. */
typedef struct torchc_parameter_info {
  size_t struct_size;
  const char *scope, *key;
  torchc_element_type element_type;
  uint8_t rank;
  const int64_t *dims;
} torchc_parameter_info;

/* A value that each session keeps between calls; numbers have rank 0. */
typedef struct torchc_state_info {
  size_t struct_size;
  const char *name;
  int has_value; /* 0: the first call gives it its value, type and shape. */
  torchc_element_type element_type;
  uint8_t rank;
  const int64_t *dims;
} torchc_state_info;

TORCHC_API uint32_t torchc_program_get_function_count(const torchc_program *program);
TORCHC_API torchc_status *torchc_program_find_function(const torchc_program *program, const char *name,
                                                       uint32_t *function);
TORCHC_API torchc_status *torchc_program_get_function(const torchc_program *program, uint32_t function,
                                                      torchc_function_info *info);
TORCHC_API torchc_status *torchc_program_get_input(const torchc_program *program, uint32_t function, uint32_t index,
                                                   torchc_value_info *info);
TORCHC_API torchc_status *torchc_program_get_output(const torchc_program *program, uint32_t function, uint32_t index,
                                                    torchc_value_info *info);
TORCHC_API torchc_status *torchc_program_get_symbol(const torchc_program *program, uint32_t function, uint32_t index,
                                                    torchc_symbol_info *info);
TORCHC_API uint32_t torchc_program_get_parameter_count(const torchc_program *program);
TORCHC_API torchc_status *torchc_program_get_parameter(const torchc_program *program, uint32_t index,
                                                       torchc_parameter_info *info);
TORCHC_API uint32_t torchc_program_get_state_count(const torchc_program *program);
TORCHC_API torchc_status *torchc_program_get_state(const torchc_program *program, uint32_t index,
                                                   torchc_state_info *info);
/* Custom ops, by name. */
TORCHC_API uint32_t torchc_program_get_op_count(const torchc_program *program);
TORCHC_API torchc_status *torchc_program_get_op(const torchc_program *program, uint32_t index, const char **name);

/* All kernels, for one kind of CPU. Variants stand best first. */
typedef struct torchc_variant_info {
  size_t struct_size;
  const char *arch; /* "x86_64" */
  const char *cpu;  /* "x86-64-v3" */
  uint64_t size;    /* Of the machine code in the file, in bytes. */
  int is_chosen;    /* The one that runs. */
} torchc_variant_info;

TORCHC_API uint32_t torchc_program_get_variant_count(const torchc_program *program);
TORCHC_API torchc_status *torchc_program_get_variant(const torchc_program *program, uint32_t index,
                                                     torchc_variant_info *info);

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
TORCHC_API torchc_status *torchc_program_get_source(const torchc_program *program, uint32_t instruction, uint32_t index,
                                                    torchc_source_info *info);

/*===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===*/

/* Kernels run in the thread that calls. Results are the same bits on every device. */
TORCHC_API torchc_status *torchc_device_create_local_sync(torchc_device **device);
/* The calling thread and `threads` - 1 others; 0 or too many: one thread a CPU. Sessions of any
 * programs may share a device: while one of them has the threads, others run in their
 * own. In a child of fork() it has no threads, and calls run in the caller's. */
TORCHC_API torchc_status *torchc_device_create_local_task(uint32_t threads, torchc_device **device);
/* Sessions keep it. */
TORCHC_API void torchc_device_free(torchc_device *device);

/*===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===*/

/* None; they are added by one thread, before the first session uses them. */
TORCHC_API torchc_status *torchc_parameters_create(torchc_parameters **parameters);
/* All tensors of a safetensors file, which is mapped, shared by every session that uses
 * it, and must not change meanwhile. On error none is added.
 * Errors: TORCHC_IO; TORCHC_INVALID_ARGUMENT (not such a file; a key that is there already). */
TORCHC_API torchc_status *torchc_parameters_add_file(torchc_parameters *parameters, const char *scope,
                                                     const char *path);
/* A tensor, whose elements are used where they are. Errors: TORCHC_INVALID_ARGUMENT. */
TORCHC_API torchc_status *torchc_parameters_add_tensor(torchc_parameters *parameters, const char *scope,
                                                       const char *key, const torchc_tensor *tensor);
/* Sessions keep the tensors that they use. */
TORCHC_API void torchc_parameters_free(torchc_parameters *parameters);

/*===----------------------------------------------------------------------===//
// Custom ops
//===----------------------------------------------------------------------===*/

/* A number, or (tensor != NULL) a tensor. */
typedef struct torchc_value {
  int64_t integer;
  torchc_tensor *tensor;
} torchc_value;

/* Computes an op in the thread of the call; it may call other sessions. Arguments are
 * read-only and borrowed: their elements change once the op has returned. Of the results, zero at first, it sets
 * `integer`, or `tensor` to a handle, which the runtime takes, on error too. `attributes` is JSON. An error ends the
 * call with its code and message. */
typedef torchc_status *(*torchc_op_function)(void *context, const char *attributes, const torchc_value *arguments,
                                             uint32_t argument_count, torchc_value *results, uint32_t result_count);

typedef struct torchc_op {
  size_t struct_size;
  const char *name;      /* "mylib::foo" */
  const char *signature; /* "(Tensor, int) -> (Tensor)", held against the program's; NULL: any */
  torchc_op_function function;
  void *context; /* Outlives the session. */
} torchc_op;

/*===----------------------------------------------------------------------===//
// Sessions
//===----------------------------------------------------------------------===*/

typedef struct torchc_session_options {
  size_t struct_size;
  uint64_t max_steps;        /* Instructions and work groups of a call; 0: no limit */
  uint64_t max_memory_bytes; /* Intermediate tensors, outputs and state; 0: no limit */
  const torchc_op *ops;      /* All of the size that the first one has; copied. */
  uint32_t op_count;
  const torchc_parameters *parameters;
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

/* `device` NULL is local-sync. Sessions of one program share its constants and nothing
 * else. Errors: TORCHC_INVALID_ARGUMENT (an op or a parameter is missing or does not fit). */
TORCHC_API torchc_status *torchc_session_create(const torchc_program *program, const torchc_device *device,
                                                const torchc_session_options *options, torchc_session **session);
/* Inputs match the signature. An output that is NULL becomes a new tensor, the caller's
 * to free; any other is of just the right type and shape, overlaps no input and no other
 * output, and is written in place. On error handles are as they were, the contents of
 * given outputs undefined, and the session may be called again.
 * Errors: TORCHC_INVALID_ARGUMENT, TORCHC_FAILED, TORCHC_CANCELLED, and those of ops. */
TORCHC_API torchc_status *torchc_session_call(torchc_session *session, uint32_t function,
                                              const torchc_tensor *const *inputs, uint32_t input_count,
                                              torchc_tensor **outputs, uint32_t output_count);
/* Ends the running call, and all later ones, with TORCHC_CANCELLED until it is called
 * with 0. A call ends before its next instruction or work group; state that it changed
 * stays changed. Any thread may call this. */
TORCHC_API void torchc_session_set_cancelled(torchc_session *session, int is_cancelled);

/* The state: what the program keeps between calls (torchc_program_get_state). Back to the
 * values that the file has: */
TORCHC_API torchc_status *torchc_session_reset(torchc_session *session);
/* A copy of a value. Errors: TORCHC_INVALID_ARGUMENT (no such state, no value yet). */
TORCHC_API torchc_status *torchc_session_get_state(torchc_session *session, const char *name, torchc_tensor **value);
/* Copies a tensor of the same type and shape. Errors: TORCHC_INVALID_ARGUMENT. */
TORCHC_API torchc_status *torchc_session_set_state(torchc_session *session, const char *name,
                                                   const torchc_tensor *value);
/* Writes all of the state to a safetensors file, which appears whole or not at all.
 * Errors: TORCHC_IO. */
TORCHC_API torchc_status *torchc_session_save_state(torchc_session *session, const char *path);
/* Reads such a file, which has just the state's names, types and shapes; on error the
 * state is as it was. Errors: TORCHC_IO, TORCHC_INVALID_ARGUMENT. */
TORCHC_API torchc_status *torchc_session_load_state(torchc_session *session, const char *path);

TORCHC_API void torchc_session_get_stats(const torchc_session *session, torchc_session_stats *stats);
/* Reports the calls from now on; NULL ends it. Not during a call. */
TORCHC_API void torchc_session_set_profiler(torchc_session *session, const torchc_profiler *profiler);

/* No call may be running. */
TORCHC_API void torchc_session_free(torchc_session *session);

#ifdef __cplusplus
}
#endif

#endif /* TORCHC_RUNTIME_H */
