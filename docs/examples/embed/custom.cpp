// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// custom model.vmfb weights.safetensors state.safetensors
#include <cstdio>
#include <torchc/runtime.hpp>

int fail(const char *message) { return std::fprintf(stderr, "%s\n", message), 1; }

torchc::Status scale(const char *attributes, const std::vector<torchc::Value> &arguments,
                     std::vector<torchc::Value> &results) {
  const torchc::Tensor &x = arguments[0].tensor, &weight = arguments[1].tensor;
  if (x.size<float>() != weight.size<float>())
    return torchc::Status::error(TORCHC_INVALID_ARGUMENT, "x and weight differ in size");
  auto y = torchc::Tensor::allocate(TORCHC_F32, x.dims());
  if (!y) return std::move(y.status());
  for (size_t i = 0; i < x.size<float>(); ++i)
    y->mutableData<float>()[i] = x.data<float>()[i] * weight.data<float>()[i];
  results[0] = *y;
  return {};
}

int main(int argc, char **argv) {
  if (argc != 4) return fail("custom model.vmfb weights.safetensors state.safetensors");
  auto program = torchc::Program::load(argv[1]);
  if (!program) return fail(program.status().message());
  auto device = torchc::Device::localTask(2);
  if (!device) return fail(device.status().message());
  auto weights = torchc::Parameters::create();
  if (!weights) return fail(weights.status().message());
  if (auto status = weights->addFile("model", argv[2]); !status) return fail(status.message());

  torchc::SessionOptions options;
  options.parameters = &*weights;
  options.ops = {{"mylib::scale", "(Tensor, Tensor) -> (Tensor)", scale}};
  options.maxSteps = 1'000'000;
  auto session = torchc::Session::create(*program, *device, options);
  if (!session) return fail(session.status().message());
  if (auto status = session->loadState(argv[3]); !status) std::printf("starting anew: %s\n", status.message());

  auto x = torchc::Tensor::copy<float>({1, 2, 3, 4}, {4});
  if (!x) return fail(x.status().message());
  auto outputs = session->call("forward", {*x});
  if (!outputs) return fail(outputs.status().message());
  auto calls = session->state("calls");
  if (!calls) return fail(calls.status().message());
  std::printf("%g after %d calls\n", (*outputs)[0].data<float>()[3], int(*calls->data<int64_t>()));
  if (auto status = session->saveState(argv[3]); !status) return fail(status.message());
}
