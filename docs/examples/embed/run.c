// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <stdio.h>
#include <torchc/runtime.h>

int main(int argc, char **argv) {
  float x[4] = {1, 2, 3, 4};
  const int64_t dims[1] = {4};
  torchc_program *program = NULL;
  torchc_session *session = NULL;
  torchc_tensor *input = NULL, *output = NULL;
  torchc_status *status = torchc_program_load(argv[argc - 1], NULL, &program);
  if (!status) status = torchc_session_create(program, NULL, NULL, &session);
  if (!status) status = torchc_tensor_borrow(x, sizeof x, TORCHC_F32, dims, 1, 1, NULL, NULL, &input);
  const torchc_tensor *inputs[1] = {input};
  if (!status) status = torchc_session_call(session, 0, inputs, 1, &output, 1);
  if (!status) printf("%g\n", ((const float *)torchc_tensor_get_data(output))[0]);
  if (status) fprintf(stderr, "%s\n", torchc_status_get_message(status));
  const int code = torchc_status_get_code(status);
  torchc_status_free(status);
  torchc_tensor_free(output);
  torchc_tensor_free(input);
  torchc_session_free(session);
  torchc_program_free(program);
  return code;
}
