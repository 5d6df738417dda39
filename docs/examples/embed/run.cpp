// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cstdio>
#include <torchc/runtime.hpp>

int fail(const char *message) { return std::fprintf(stderr, "%s\n", message), 1; }

int main(int argc, char **argv) {
  auto program = torchc::Program::load(argv[argc - 1]);
  if (!program) return fail(program.status().message());
  auto session = torchc::Session::create(*program);
  if (!session) return fail(session.status().message());
  auto x = torchc::Tensor::copy<float>({1, 2, 3, 4}, {4});
  if (!x) return fail(x.status().message());
  auto outputs = session->call("forward", {*x});
  if (!outputs) return fail(outputs.status().message());
  std::printf("%g\n", (*outputs)[0].data<float>()[0]);
}
