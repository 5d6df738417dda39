//===- MemoryFunctionsTest.cpp - memcpy and its kin in kernels ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProgramBuilder.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace torchc;
using runtime::ElementType;
using runtime::Tensor;

/// out = x; out[d:] = out[:n - d]; out[:d] = 7 if `up`, else out[:n - d] = out[d:];
/// equal = memcmp(out, x, n).
static const char *const kHost = R"(
dispatch.kernel private @move(tensor<?xi8>, index, index, index) -> (tensor<?xi8>, tensor<i32>) attributes {
  dims = [array<i64: 0>, array<i64: 0>, array<i64>], scratch = 0 : i64}
func.func @forward(%x: tensor<?xi8>, %d: index, %up: index) -> (tensor<?xi8>, tensor<i32>) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xi8>
  %y:2 = dispatch.call @move(%x)[%n, %d, %up] : (tensor<?xi8>) -> (tensor<?xi8>, tensor<i32>)
  return %y#0, %y#1 : tensor<?xi8>, tensor<i32>
}
)";

static const char *const kKernel = R"(
llvm.func @memcmp(!llvm.ptr, !llvm.ptr, i64) -> i32
llvm.func @move(%env: !llvm.ptr, %args: !llvm.ptr, %x: i32, %y: i32, %z: i32, %scratch: !llvm.ptr) -> i32
    attributes {dispatch.workgroups = affine_map<()[n, d, up] -> (1, 1, 1)>} {
  %ok = llvm.mlir.constant(0 : i32) : i32
  %zero = llvm.mlir.constant(0 : i64) : i64
  %seven = llvm.mlir.constant(7 : i8) : i8
  %bindings = llvm.load %args : !llvm.ptr -> !llvm.ptr
  %in = llvm.load %bindings : !llvm.ptr -> !llvm.ptr
  %pout = llvm.getelementptr %bindings[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
  %out = llvm.load %pout : !llvm.ptr -> !llvm.ptr
  %pequal = llvm.getelementptr %bindings[2] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
  %equal = llvm.load %pequal : !llvm.ptr -> !llvm.ptr
  %pconstants = llvm.getelementptr %args[16] : (!llvm.ptr) -> !llvm.ptr, i8
  %constants = llvm.load %pconstants : !llvm.ptr -> !llvm.ptr
  %n = llvm.load %constants : !llvm.ptr -> i64
  %pd = llvm.getelementptr %constants[1] : (!llvm.ptr) -> !llvm.ptr, i64
  %d = llvm.load %pd : !llvm.ptr -> i64
  %pup = llvm.getelementptr %constants[2] : (!llvm.ptr) -> !llvm.ptr, i64
  %up = llvm.load %pup : !llvm.ptr -> i64
  %rest = llvm.sub %n, %d : i64
  %shifted = llvm.getelementptr %out[%d] : (!llvm.ptr, i64) -> !llvm.ptr, i8
  "llvm.intr.memcpy"(%out, %in, %n) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()
  %isup = llvm.icmp "ne" %up, %zero : i64
  llvm.cond_br %isup, ^up, ^down
^up:
  "llvm.intr.memmove"(%shifted, %out, %rest) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()
  "llvm.intr.memset"(%out, %seven, %d) <{isVolatile = false}> : (!llvm.ptr, i8, i64) -> ()
  llvm.br ^end
^down:
  "llvm.intr.memmove"(%out, %shifted, %rest) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()
  llvm.br ^end
^end:
  %order = llvm.call @memcmp(%out, %in, %n) : (!llvm.ptr, !llvm.ptr, i64) -> i32
  llvm.store %order, %equal : i32, !llvm.ptr
  llvm.return %ok : i32
}
)";

static int getSign(int value) { return (value > 0) - (value < 0); }

TEST(MemoryFunctions, AreThoseOfC) {
  ProgramBuilder builder;
  Runner runner(builder.write(kHost, kKernel));
  for (int64_t n : {0, 1, 31, 63, 64, 65, 127, 128, 200, 1000})
    for (int64_t d : {0, 1, 5, 63, 64, 65, 150})
      for (int64_t up : {0, 1}) {
        if (d > n)
          continue;
        std::vector<uint8_t> in(n);
        for (int64_t i = 0; i < n; ++i)
          in[i] = static_cast<uint8_t>(i * 37 + 11);
        std::vector<uint8_t> expected = in;
        std::memmove(expected.data() + (up ? d : 0), expected.data() + (up ? 0 : d), n - d);
        if (up)
          std::memset(expected.data(), 7, d);
        std::vector<Tensor> outputs(2);
        auto number = [](int64_t value) { return makeTensor<int64_t>(ElementType::I64, {}, {value}); };
        auto status = runner.call("forward", {makeTensor(ElementType::I8, {n}, in), number(d), number(up)}, outputs);
        ASSERT_TRUE(status.isOk()) << status.getMessage();
        EXPECT_EQ(getValues<uint8_t>(outputs[0]), expected) << "n " << n << " d " << d << " up " << up;
        EXPECT_EQ(getSign(getValues<int32_t>(outputs[1])[0]), getSign(std::memcmp(expected.data(), in.data(), n)));
      }
}
