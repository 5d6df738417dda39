//===- write_module.cpp - writes small .vmfb files ------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// write_module kernels.so folder: what the programs of docs/examples/embed run on.
//   model.vmfb           forward(x: f32[4]) -> f32[4], which adds 1
//   custom.vmfb          forward(x: f32[4]) = mylib::scale(x, model::weight), counted in `calls`
//   weights.safetensors  weight = [1, 2, 3, 4]
//
//===----------------------------------------------------------------------===//

#include "ModuleBuilder.h"
#include "io/Safetensors.h"

#include <fstream>
#include <iterator>

using namespace torchc::runtime;

static bool write(const test::ModuleBuilder &builder, const std::string &path) {
  const std::vector<uint8_t> bytes = builder.build();
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char *>(bytes.data()), std::streamsize(bytes.size()));
  return bool(file.flush());
}

static test::ModuleBuilder makeModel(const char *kernelsPath) {
  std::ifstream kernels(kernelsPath, std::ios::binary);
  test::ModuleBuilder builder;
  builder.addKernel("add_constant", 1, 1, 4);
  for (const char *unused : {"number_groups", "fail_from", "sum_row"})
    builder.addKernel(unused, 0, 0, 0);
  builder.addLibrary("generic", {}, {std::istreambuf_iterator<char>(kernels), {}});
  const unsigned forward = builder.addFunction("forward", "ref", "ref", 2, 2, R"(
    ConstI64 i0 <- 4
    ConstI64 i1 <- 1
    OutputAlloc r1 <- 0 f32 [i0]
    Dispatch 0 [r0 r1] [i1 i1 i1 i1]
    Ret [r1])");
  builder.addExport("forward", forward, {"x:f32[4]"}, {"y:f32[4]"});
  return builder;
}

static test::ModuleBuilder makeCustom() {
  test::ModuleBuilder builder;
  builder.addGlobal("calls", schema::RegisterKind::I64, true);
  builder.addParameter("model", "weight", ElementType::F32, {4});
  builder.addExternal("mylib::scale", "ref ref", "ref");
  const unsigned forward = builder.addFunction("forward", "ref", "ref", 2, 2, R"(
    GlobalGetI64 i0 <- 0
    ConstI64 i1 <- 1
    AddI64 i0 <- i0 i1
    GlobalSetI64 0 i0
    Parameter r1 <- 0
    CallExternal [r0] <- 0 [r0 r1]
    Ret [r0])");
  builder.addExport("forward", forward, {"x:f32[4]"}, {"y:f32[4]"});
  return builder;
}

static bool writeWeights(const std::string &path) {
  constexpr int64_t dims[] = {4};
  constexpr float values[] = {1, 2, 3, 4};
  NamedTensor weight{Text(), Tensor::allocate(ElementType::F32, dims).take()};
  std::memcpy(weight.tensor.getMutableData(), values, sizeof values);
  return weight.name.append("weight") && writeSafetensors(path.c_str(), {&weight, 1}).isOk();
}

int main(int argc, char **argv) {
  if (argc != 3)
    return 2;
  const std::string folder = std::string(argv[2]) + "/";
  const bool isWritten = write(makeModel(argv[1]), folder + "model.vmfb") &&
                         write(makeCustom(), folder + "custom.vmfb") && writeWeights(folder + "weights.safetensors");
  return isWritten ? 0 : 1;
}
