/*===- c_api_test.c - the C API from C ---------------------------*- C -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===*/

#include "torchc/runtime.h"

#include <stdio.h>
#include <string.h>

#define EXPECT(condition)                                                                                              \
  if (!(condition)) {                                                                                                  \
    printf("c_api_test.c:%d: %s\n", __LINE__, #condition);                                                             \
    return 1;                                                                                                          \
  }

/* Calls function 0 of a program (x: i64[2]) -> (y: i64[2]) that returns its input. Called
 * by CApiTest.cpp with the bytes of such a program; 0 if all is well. */
int test_c_api(const void *bytes, size_t size) {
  torchc_program *program = NULL;
  torchc_status *status = torchc_program_copy_bytes(bytes, size - 1, NULL, &program);
  EXPECT(torchc_status_get_code(status) == TORCHC_INVALID_MODULE && program == NULL);
  EXPECT(strstr(torchc_status_get_message(status), "damaged file") != NULL);
  torchc_status_free(status);
  torchc_load_options options = {sizeof options, 1, 0, NULL};
  EXPECT(torchc_program_copy_bytes(bytes, size, &options, &program) == NULL);
  EXPECT(torchc_status_get_code(NULL) == TORCHC_OK);

  uint32_t function = 77;
  EXPECT(torchc_program_find_function(program, "f", &function) == NULL && function == 0);
  torchc_function_info info = {.struct_size = sizeof info};
  EXPECT(torchc_program_get_function(program, 0, &info) == NULL);
  EXPECT(strcmp(info.name, "f") == 0 && info.input_count == 1 && info.output_count == 1);
  torchc_value_info value = {.struct_size = sizeof value};
  EXPECT(torchc_program_get_input(program, 0, 0, &value) == NULL);
  EXPECT(strcmp(value.name, "x") == 0 && value.element_type == 4 && value.rank == 1 && value.dims[0] == 2);
  status = torchc_program_get_output(program, 0, 1, &value);
  EXPECT(strcmp(torchc_status_get_message(status), "there is no output 1") == 0);
  torchc_status_free(status);
  /* An older caller's struct ends before the specs: they are not written. */
  torchc_function_info older = {.struct_size = offsetof(torchc_function_info, input_spec), .input_spec = "untouched"};
  EXPECT(torchc_program_get_function(program, 0, &older) == NULL);
  EXPECT(older.input_count == 1 && strcmp(older.input_spec, "untouched") == 0);

  torchc_device *device = NULL;
  torchc_session *session = NULL;
  EXPECT(torchc_device_create_local_task(2, &device) == NULL);
  EXPECT(torchc_session_create(program, device, NULL, &session) == NULL);
  torchc_program_free(program); /* The session keeps it. */
  torchc_device_free(device);

  int64_t data[2] = {7, -8}, dims[1] = {2};
  torchc_tensor *input = NULL, *output = NULL;
  EXPECT(torchc_tensor_borrow(data, sizeof data, 4, dims, 1, 1, NULL, NULL, &input) == NULL);
  EXPECT(torchc_tensor_get_mutable_data(input) == NULL);
  const torchc_tensor *inputs[1] = {input};
  EXPECT(torchc_session_call(session, 0, inputs, 1, &output, 1) == NULL);
  EXPECT(memcmp(torchc_tensor_get_data(output), data, sizeof data) == 0);
  const int64_t *shape = NULL;
  EXPECT(torchc_tensor_get_dims(output, &shape) == 1 && shape[0] == 2);
  /* Again, in place. */
  data[0] = 9;
  const void *before = torchc_tensor_get_data(output);
  EXPECT(torchc_session_call(session, 0, inputs, 1, &output, 1) == NULL);
  EXPECT(torchc_tensor_get_data(output) == before && memcmp(before, data, sizeof data) == 0);
  torchc_session_stats stats = {.struct_size = sizeof stats};
  torchc_session_get_stats(session, &stats);
  EXPECT(stats.calls == 2);
  torchc_tensor *none = NULL;
  status = torchc_session_call(session, 0, inputs, 0, &none, 1);
  EXPECT(torchc_status_get_code(status) == TORCHC_INVALID_ARGUMENT && none == NULL);
  torchc_status_free(status);

  torchc_session_free(session);
  EXPECT(memcmp(torchc_tensor_get_data(output), data, sizeof data) == 0);
  torchc_tensor_free(output);
  torchc_tensor_free(input);
  torchc_tensor_free(NULL);
  return 0;
}
