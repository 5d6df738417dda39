//===- SessionTest.cpp - calls, from instructions to outputs --------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SessionFixture.h"

#include <thread>

namespace torchc::runtime::test {
namespace {

TEST_F(SessionTest, Integers) {
  EXPECT_EQ(compute("ConstI64 i2 <- -9223372036854775808", 0, 0), INT64_MIN);
  EXPECT_EQ(compute("AddI64 i2 <- i0 i1", INT64_MAX, 1), INT64_MIN);
  EXPECT_EQ(compute("SubI64 i2 <- i0 i1", 3, 5), -2);
  EXPECT_EQ(compute("MulI64 i2 <- i0 i1", -3, 5), -15);
  EXPECT_EQ(compute("FloorDivI64 i2 <- i0 i1", 7, 2), 3);
  EXPECT_EQ(compute("FloorDivI64 i2 <- i0 i1", -7, 2), -4);
  EXPECT_EQ(compute("FloorDivI64 i2 <- i0 i1", 7, -2), -4);
  EXPECT_EQ(compute("FloorDivI64 i2 <- i0 i1", -7, -2), 3);
  EXPECT_EQ(compute("FloorDivI64 i2 <- i0 i1", INT64_MIN, -1), INT64_MIN);
  EXPECT_EQ(compute("FloorModI64 i2 <- i0 i1", -7, 2), 1);
  EXPECT_EQ(compute("FloorModI64 i2 <- i0 i1", 7, -2), -1);
  EXPECT_EQ(compute("FloorModI64 i2 <- i0 i1", -7, -2), -1);
  EXPECT_EQ(compute("FloorModI64 i2 <- i0 i1", INT64_MIN, -1), 0);
  EXPECT_EQ(compute("MinI64 i2 <- i0 i1", -7, 2), -7);
  EXPECT_EQ(compute("MaxI64 i2 <- i0 i1", -7, 2), 2);
  EXPECT_EQ(compute("AndI64 i2 <- i0 i1", 6, 3), 2);
  EXPECT_EQ(compute("OrI64 i2 <- i0 i1", 6, 3), 7);
  EXPECT_EQ(compute("XorI64 i2 <- i0 i1", 6, 3), 5);
  EXPECT_EQ(compute("EqI64 i2 <- i0 i1", 6, 6), 1);
  EXPECT_EQ(compute("NeI64 i2 <- i0 i1", 6, 6), 0);
  EXPECT_EQ(compute("LtI64 i2 <- i0 i1", -1, 0), 1);
  EXPECT_EQ(compute("LeI64 i2 <- i0 i1", 1, 0), 0);
  EXPECT_EQ(compute("SelectI64 i2 <- i3 i0 i1", 4, 5), 5);
  EXPECT_EQ(compute("SelectI64 i2 <- i0 i0 i1", 4, 5), 4);
  EXPECT_EQ(fail("FloorDivI64 i2 <- i0 i1", 1, 0), "f: integer division by zero");
  EXPECT_EQ(fail("FloorModI64 i2 <- i0 i1", 1, 0), "f: integer division by zero");
}

TEST_F(SessionTest, LoopsAndBlocks) {
  EXPECT_EQ(compute(R"(
      ConstI64 i2 <- 0
      Br head
    head:
      Block [i0 i1 i2 i3] [r0 r1] <-
      LtI64 i4 <- i3 i0
      CondBr i4 body done
    body:
      Block [i0 i1 i2 i3] [r0 r1] <-
      AddI64 i2 <- i2 i0
      ConstI64 i4 <- -1
      AddI64 i0 <- i0 i4
      Br head
    done:
      Block [i2] [] <-
      ConstI64 i3 <- 0
  )",
                    100, 0),
            5050);
}

TEST_F(SessionTest, ReferencesMoveBetweenFunctions) {
  builder.addConstant<int64_t>(ElementType::I64, {}, {40});
  builder.addFunction("pick", "i64 ref ref", "ref i64 ref", 1, 3, "SelectRef r2 <- i0 r0 r1\nRet [r2 i0 r1]");
  const unsigned f = builder.addFunction("f", "ref ref", "ref ref", 2, 4, R"(
    ConstI64 i0 <- 0
    LoadI64 i0 <- r0 i0
    Constant r2 <- 0
    Call [r3 i1 r1] <- 0 [i0 r1 r2]
    MovRef r2 <- r3
    Drop r3
    Ret [r2 r1])");
  builder.addExport("f", f, {"which:i64[]", "x:i64[]"}, {"y:i64[]", "z:i64[]"});
  create();
  auto scalar = [](int64_t value) { return makeTensor<int64_t>(ElementType::I64, {}, {value}); };
  for (int64_t which : {0, 7}) {
    outputs.assign(2, Tensor());
    ASSERT_EQ(call("f", {scalar(which), scalar(5)}, 2), "ok");
    EXPECT_EQ(getValues<int64_t>(outputs[0])[0], which == 0 ? 40 : 5);
    EXPECT_EQ(getValues<int64_t>(outputs[1])[0], 40);
  }
}

TEST_F(SessionTest, Checks) {
  EXPECT_EQ(compute("CheckTrue i0 0\nCheckRange i0 i3 i1 0\nMovI64 i2 <- i0", 1, 1), 1);
  EXPECT_EQ(fail("CheckTrue i3 0\nMovI64 i2 <- i0", 1, 1), "f: refused");
  EXPECT_EQ(fail("CheckRange i0 i3 i1 0\nMovI64 i2 <- i0", 5, 4), "f: refused: 5 is not in 0 to 4");
  EXPECT_EQ(fail("CheckType r0 f32 1 0\nMovI64 i2 <- i0", 5, 4), "f: refused: i64 of rank 0, not f32 of rank 1");
  EXPECT_EQ(fail("Reshape r2 <- r0 [i0]\nCheckDim r2 0 i3 0\nMovI64 i2 <- i0", 1, 4),
            "f: refused: dimension 0 is 1, not 0");
  EXPECT_EQ(fail("CheckDim r0 3 i0 0\nMovI64 i2 <- i0", 1, 4), "f: refused: dimension 3 is -1, not 1");
  EXPECT_EQ(compute("CheckType r0 i64 0 0\nReshape r2 <- r0 [i0]\nCheckDim r2 0 i0 0\nMovI64 i2 <- i1", 1, 4), 4);
}

TEST_F(SessionTest, MemoryIsChecked) {
  const std::string slab = "ConstI64 i4 <- 64\nSlabReserve r2 <- i4\n";
  EXPECT_EQ(compute(slab + "View r2 <- r2 i0 i64 [i1]\nStoreI64 r2 i3 i0\nLoadI64 i2 <- r2 i3", 8, 7), 8);
  EXPECT_EQ(fail(slab + "View r2 <- r2 i0 i64 [i1]\nMovI64 i2 <- i0", 8, 8),
            "f: a view of 64 bytes at offset 8 leaves its buffer of 64 bytes");
  EXPECT_EQ(fail(slab + "View r2 <- r2 i0 i64 [i1]\nMovI64 i2 <- i0", 4, 1),
            "f: a view at offset 4 is not aligned to its elements");
  EXPECT_EQ(fail(slab + "View r2 <- r2 i0 i64 [i1]\nMovI64 i2 <- i0", -8, 1), "f: a view at a negative offset");
  EXPECT_EQ(fail(slab + "View r2 <- r2 i3 i64 [i0 i0 i0]\nMovI64 i2 <- i0", INT64_MAX / 2, 1),
            "f: a tensor has more than 2^62 bytes");
  EXPECT_EQ(fail(slab + "View r2 <- r2 i3 i64 [i0]\nMovI64 i2 <- i0", -1, 1), "f: a dimension is negative: -1");
  EXPECT_EQ(fail(slab + "LoadI64 i2 <- r2 i0", 64, 1), "f: a load outside of its tensor");
  EXPECT_EQ(fail(slab + "LoadI64 i2 <- r2 i0", -1, 1), "f: a load outside of its tensor");
  EXPECT_EQ(fail(slab + "StoreI64 r2 i0 i1\nMovI64 i2 <- i0", 64, 1), "f: a store outside of its tensor");
  EXPECT_EQ(fail("StoreI64 r0 i3 i1\nMovI64 i2 <- i0", 64, 1), "f: a store to a read-only tensor");
  EXPECT_EQ(fail("Copy r0 r1\nMovI64 i2 <- i0", 64, 1), "f: a copy to a read-only tensor or of another length");
  EXPECT_EQ(fail("Fill r0 i1\nMovI64 i2 <- i0", 64, 1), "f: a fill of a read-only tensor or of elements over 8 bytes");
  EXPECT_EQ(compute(slab + "View r2 <- r2 i3 i64 []\nCopy r2 r0\nLoadI64 i2 <- r2 i3", 64, 1), 64);
  EXPECT_EQ(fail(slab + "Copy r2 r0\nMovI64 i2 <- i0", 64, 1), "f: a copy to a read-only tensor or of another length");
  EXPECT_EQ(fail(slab + "View r2 <- r2 i3 complex<f64> []\nFill r2 i1\nMovI64 i2 <- i0", 64, 1),
            "f: a fill of a read-only tensor or of elements over 8 bytes");
  EXPECT_EQ(fail("Reshape r2 <- r0 [i3]\nMovI64 i2 <- i0", 1, 1), "f: a reshape of 1 elements to 0");
  EXPECT_EQ(fail("SlabReserve r2 <- i0\nMovI64 i2 <- i0", -1, 1), "f: a slab of negative size");
  EXPECT_EQ(fail("SlabReserve r2 <- i0\nMovI64 i2 <- i0", INT64_MAX, 1),
            "f: out of memory: a buffer of more than 2^62 bytes");
  EXPECT_EQ(fail("TensorDim i2 <- r0 0", 1, 1), "f: a dimension beyond the tensor's rank");
  EXPECT_EQ(fail("OutputAlloc r2 <- 7 i64 []\nMovI64 i2 <- i0", 1, 1), "f: there is no output 7");
}

TEST_F(SessionTest, ElementsOfEveryIntegerType) {
  const std::string slab = "ConstI64 i4 <- 64\nSlabReserve r2 <- i4\nConstI64 i4 <- 2\n";
  const struct {
    const char *type;
    int64_t stored, loaded;
  } cases[] = {{"i8", 200, -56},
               {"u8", -1, 255},
               {"i16", 40000, -25536},
               {"u16", -1, 65535},
               {"i32", 1ll << 31, INT32_MIN},
               {"u32", -1, UINT32_MAX},
               {"i64", -5, -5},
               {"u64", -5, -5},
               {"i1", 256, 1}};
  for (const auto &entry : cases)
    EXPECT_EQ(compute(slab + "View r2 <- r2 i3 " + entry.type +
                          " [i4]\nConstI64 i4 <- 1\nStoreI64 r2 i4 i0\nLoadI64 i2 <- r2 i4",
                      entry.stored, 0),
              entry.loaded)
        << entry.type;
  EXPECT_EQ(fail(slab + "View r2 <- r2 i3 f32 [i4]\nLoadI64 i2 <- r2 i3", 0, 0),
            "f: a load of an element that is no integer");
  EXPECT_EQ(fail(slab + "View r2 <- r2 i3 f32 [i4]\nStoreI64 r2 i3 i0\nMovI64 i2 <- i0", 0, 0),
            "f: a store of an element that is no integer");
  EXPECT_EQ(
      compute(slab + "View r2 <- r2 i3 i16 [i4]\nFill r2 i0\nView r2 <- r2 i3 i32 []\nLoadI64 i2 <- r2 i3", 0x70102, 0),
      0x01020102);
  // The last of 21 elements, behind a whole pattern of 64 bytes.
  EXPECT_EQ(compute("ConstI64 i4 <- 84\nSlabReserve r2 <- i4\nConstI64 i4 <- 21\nView r2 <- r2 i3 i32 [i4]\n"
                    "Fill r2 i0\nConstI64 i4 <- 20\nLoadI64 i2 <- r2 i4",
                    7, 0),
            7);
}

TEST_F(SessionTest, CallsAndExternals) {
  builder.addFunction("max_and_double", "i64 ref i64", "i64 i64", 3, 1, R"(
    MaxI64 i2 <- i0 i1
    Drop r0
    AddI64 i0 <- i2 i2
    Ret [i2 i0])");
  builder.addExternal("scale", "ref i64", "ref i64");
  const unsigned f = builder.addFunction("f", "ref", "ref", 4, 2, R"(
    ConstI64 i0 <- 3
    ConstI64 i1 <- 8
    Call [i2 i3] <- 0 [i0 r0 i1]
    CallExternal [r1 i0] <- 0 [r0 i3]
    CheckRange i0 i0 i0 0
    Ret [r1])");
  builder.addMessage("m");
  builder.addExport("f", f, {"x:i64[2]"}, {"y:i64[2]"});
  int seen = 0;
  const ExternalBinding bindings[] = {{"scale", "(Tensor, int) -> (Tensor, int)",
                                       [](void *context, const char *attributes,
                                          std::span<const ExternalValue> arguments, std::span<ExternalValue> results) {
                                         *static_cast<int *>(context) += 1;
                                         EXPECT_STREQ(attributes, "{}");
                                         auto values = getValues<int64_t>(arguments[0].tensor);
                                         if (values[0] < 0)
                                           return Status::error(StatusCode::Failed, "too small");
                                         for (int64_t &value : values)
                                           value *= arguments[1].integer;
                                         results[0].tensor = makeTensor(ElementType::I64, {2}, values);
                                         results[1].integer = 5;
                                         return Status();
                                       },
                                       &seen}};
  SessionOptions options;
  options.externals = bindings;
  create(options);
  EXPECT_EQ(call("f", {makeTensor<int64_t>(ElementType::I64, {2}, {1, 2})}), "ok");
  EXPECT_EQ(getValues<int64_t>(outputs[0]), (std::vector<int64_t>{16, 32}));
  EXPECT_EQ(seen, 1);
  EXPECT_EQ(call("f", {makeTensor<int64_t>(ElementType::I64, {2}, {-1, 2})}), "f: scale: too small");
  auto program = Program::copyBytes(builder.build(), {});
  EXPECT_STREQ(Session::create(*program, Device::localSync(), {}).getStatus().getMessage(),
               "the program calls 'scale(Tensor, int) -> (Tensor, int)', which is not registered");
  const ExternalBinding others[] = {{"scale", "(Tensor) -> (Tensor, int)", bindings[0].function, &seen}};
  options.externals = others;
  EXPECT_STREQ(
      Session::create(*program, Device::localSync(), options).getStatus().getMessage(),
      "the program calls 'scale(Tensor, int) -> (Tensor, int)', registered is 'scale(Tensor) -> (Tensor, int)'");
}

/// A slab is used again while what an op made of it is still read.
TEST_F(SessionTest, AnExternalMayReturnItsArgument) {
  builder.addExternal("same", "ref", "ref");
  const unsigned f = builder.addFunction("f", "", "ref", 3, 2, R"(
    ConstI64 i0 <- 2
    ConstI64 i1 <- 16
    SlabReserve r0 <- i1
    ConstI64 i2 <- 0
    View r0 <- r0 i2 i64 [i0]
    Fill r0 i0
    CallExternal [r1] <- 0 [r0]
    Fill r0 i1
    Ret [r1])");
  builder.addExport("f", f, {}, {"y:i64[2]"});
  const ExternalBinding same = {
      "same", "(Tensor) -> (Tensor)",
      [](void *, const char *, std::span<const ExternalValue> arguments, std::span<ExternalValue> results) {
        results[0].tensor = arguments[0].tensor;
        return Status();
      },
      nullptr};
  SessionOptions options;
  options.externals = {&same, 1};
  create(options);
  ASSERT_EQ(call("f", {}), "ok");
  EXPECT_EQ(getValues<int64_t>(outputs[0]), (std::vector<int64_t>{2, 2}));
}

TEST_F(SessionTest, Signatures) {
  const unsigned f = builder.addFunction("f", "ref ref", "ref", 0, 2, "Ret [r0]");
  builder.addExport("f", f, {"x:f32[-1,2]", "y:f32[-1]"}, {"z:f32[-1,2]"});
  builder.addSymbol("batch", 1, 8, 2);
  create();
  auto floats = [](std::vector<int64_t> dims) { return Tensor::allocate(ElementType::F32, dims).take(); };
  EXPECT_EQ(call("f", {floats({4, 2}), floats({4})}), "ok");
  EXPECT_EQ(call("f", {floats({4, 2})}), "f takes 2 inputs, not 1");
  EXPECT_EQ(call("f", {floats({4, 2}), floats({4})}, 2), "f takes 1 outputs, not 2");
  outputs.assign(1, Tensor());
  EXPECT_EQ(call("g", {}), "no function 'g'; there are: f");
  EXPECT_EQ(call("f", {floats({4, 2}), Tensor()}), "f: input 1 'y' is missing");
  EXPECT_EQ(call("f", {floats({4, 3}), floats({4})}), "f: input 0 'x' is 4x3xf32, must be ?x2xf32");
  EXPECT_EQ(call("f", {floats({4}), floats({4})}), "f: input 0 'x' is 4xf32, must be ?x2xf32");
  EXPECT_EQ(call("f", {makeTensor<int32_t>(ElementType::I32, {1, 2}, {1, 2}), floats({4})}),
            "f: input 0 'x' is 1x2xi32, must be ?x2xf32");
  EXPECT_EQ(call("f", {floats({4, 2}), floats({6})}),
            "f: input 1 'y' has 6 for dimension 0 (batch), but an earlier dimension of that name is 4");
  EXPECT_EQ(call("f", {floats({10, 2}), floats({10})}),
            "f: input 0 'x' has 10 for dimension 0 (batch), must be 1 to 8");
  EXPECT_EQ(call("f", {floats({3, 2}), floats({3})}),
            "f: input 0 'x' has 3 for dimension 0 (batch), must be a multiple of 2");
}

TEST_F(SessionTest, OutputsBelongToTheCaller) {
  const unsigned f = builder.addFunction("f", "ref", "ref ref ref", 1, 2, R"(
    ConstI64 i0 <- 2
    OutputAlloc r1 <- 0 i32 [i0]
    Fill r1 i0
    Ret [r1 r0 r1])");
  builder.addExport("f", f, {"x:i32[2]"}, {"a:i32[2]", "b:i32[2]", "c:i32[2]"});
  create();
  const Tensor input = makeTensor<int32_t>(ElementType::I32, {2}, {5, 6});
  ASSERT_EQ(call("f", {input}, 3), "ok");
  EXPECT_EQ(getValues<int32_t>(outputs[0]), (std::vector<int32_t>{2, 2}));
  EXPECT_EQ(getValues<int32_t>(outputs[1]), (std::vector<int32_t>{5, 6}));
  EXPECT_EQ(getValues<int32_t>(outputs[2]), (std::vector<int32_t>{2, 2}));
  // Three tensors, none of them the input nor each other.
  EXPECT_NE(outputs[0].getData(), outputs[2].getData());
  EXPECT_NE(outputs[1].getData(), input.getData());
  for (Tensor &output : outputs)
    EXPECT_NE(output.getMutableData(), nullptr);
  // Kept results do not change in a later call, even beyond the session.
  const std::vector<Tensor> kept = outputs;
  outputs.assign(3, Tensor());
  ASSERT_EQ(call("f", {makeTensor<int32_t>(ElementType::I32, {2}, {7, 8})}, 3), "ok");
  EXPECT_EQ(getValues<int32_t>(kept[1]), (std::vector<int32_t>{5, 6}));
  session.reset();
  EXPECT_EQ(getValues<int32_t>(outputs[1]), (std::vector<int32_t>{7, 8}));
}

TEST_F(SessionTest, WritesIntoGivenOutputs) {
  const unsigned f = builder.addFunction("f", "ref", "ref ref", 2, 2, R"(
    ConstI64 i0 <- 2
    OutputAlloc r1 <- 0 i32 [i0]
    Fill r1 i0
    Ret [r1 r0])");
  builder.addExport("f", f, {"x:i32[2]"}, {"a:i32[2]", "b:i32[2]"});
  create();
  Tensor buffer = makeTensor<int32_t>(ElementType::I32, {2}, {0, 0});
  const Tensor input = makeTensor<int32_t>(ElementType::I32, {2}, {5, 6});
  outputs = {buffer, makeTensor<int32_t>(ElementType::I32, {2}, {0, 0})};
  ASSERT_EQ(call("f", {input}, 2), "ok");
  EXPECT_EQ(outputs[0].getData(), buffer.getData());
  EXPECT_EQ(getValues<int32_t>(buffer), (std::vector<int32_t>{2, 2}));
  EXPECT_EQ(getValues<int32_t>(outputs[1]), (std::vector<int32_t>{5, 6}));
  outputs = {makeTensor<int32_t>(ElementType::I32, {1, 2}, {0, 0}), Tensor()};
  EXPECT_EQ(call("f", {input}, 2), "f: output 0: the given buffer has another type or shape than the result");
  outputs = {input, Tensor()};
  EXPECT_EQ(call("f", {input}, 2), "f: output 0 overlaps an input");
  outputs = {buffer, buffer};
  EXPECT_EQ(call("f", {input}, 2), "f: outputs 0 and 1 overlap");
  outputs = {buffer.asReadOnly(), Tensor()};
  EXPECT_EQ(call("f", {input}, 2), "f: output 0 is read-only");
}

TEST_F(SessionTest, GlobalsLastAndBelongToTheSession) {
  builder.addConstant<int32_t>(ElementType::I32, {2}, {1, 2});
  builder.addGlobal("count", schema::RegisterKind::I64, true, -1, 10);
  builder.addGlobal("state", schema::RegisterKind::Ref, true, 0);
  builder.addGlobal("late", schema::RegisterKind::Ref, true);
  const unsigned f = builder.addFunction("f", "ref", "ref ref", 2, 4, R"(
    GlobalGetI64 i0 <- 0
    ConstI64 i1 <- 1
    AddI64 i0 <- i0 i1
    GlobalSetI64 0 i0
    GlobalGetRef r1 <- 1
    ConstI64 i1 <- 0
    StoreI64 r1 i1 i0
    GlobalSetRef 1 r1
    OutputAlloc r2 <- 1 i64 []
    StoreI64 r2 i1 i0
    GlobalSetRef 2 r0
    Ret [r1 r2])");
  builder.addExport("f", f, {"x:i32[-1]"}, {"state:i32[2]", "count:i64[]"});
  builder.addSymbol("n", 0, 100);
  const unsigned g = builder.addFunction("g", "", "ref", 0, 1, "GlobalGetRef r0 <- 2\nRet [r0]");
  builder.addExport("g", g, {}, {"late:i32[?]"});
  create();
  EXPECT_EQ(call("g", {}), "g: global 'late' has no value yet");
  ASSERT_EQ(call("f", {makeTensor<int32_t>(ElementType::I32, {1}, {3})}, 2), "ok");
  const Tensor first = outputs[0];
  outputs.assign(2, Tensor());
  ASSERT_EQ(call("f", {makeTensor<int32_t>(ElementType::I32, {3}, {7, 8, 9})}, 2), "ok");
  EXPECT_EQ(getValues<int32_t>(first), (std::vector<int32_t>{11, 2})); // A snapshot.
  EXPECT_EQ(getValues<int32_t>(outputs[0]), (std::vector<int32_t>{12, 2}));
  EXPECT_EQ(getValues<int64_t>(outputs[1]), (std::vector<int64_t>{12}));
  outputs.assign(1, Tensor());
  ASSERT_EQ(call("g", {}), "ok");
  EXPECT_EQ(getValues<int32_t>(outputs[0]), (std::vector<int32_t>{7, 8, 9}));
  create(); // Another session starts anew.
  outputs.assign(2, Tensor());
  ASSERT_EQ(call("f", {makeTensor<int32_t>(ElementType::I32, {0}, {})}, 2), "ok");
  EXPECT_EQ(getValues<int64_t>(outputs[1]), (std::vector<int64_t>{11}));
}

TEST_F(SessionTest, LimitsEndACall) {
  const unsigned f = builder.addFunction("f", "", "", 0, 0, "Br loop\nloop:\nBlock [] [] <-\nBr loop");
  builder.addExport("loop", f, {}, {});
  const unsigned g = builder.addFunction("g", "", "", 1, 1, "ConstI64 i0 <- 100000\nSlabReserve r0 <- i0\nRet []");
  builder.addExport("grow", g, {}, {});
  SessionOptions options;
  options.maxSteps = 1000;
  options.maxMemoryBytes = 50000;
  create(options);
  EXPECT_EQ(call("loop", {}, 0), "loop: the limit of 1000 steps is reached");
  EXPECT_EQ(call("grow", {}, 0), "grow: the memory limit of 50000 bytes is reached");
  options.maxMemoryBytes = 100064;
  create(options);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(call("grow", {}, 0), "ok");
  EXPECT_EQ(session->getStats().peakBytes, 100032u);
}

/// What no call has used for a while goes back to the system; and at once where the
/// limit would be passed.
TEST_F(SessionTest, MemoryIsGivenBack) {
  for (auto [name, bytes] :
       {std::pair("large", "1000000"), std::pair("small", "100"), std::pair("larger", "1900000")}) {
    const std::string code = std::string("ConstI64 i0 <- ") + bytes + "\nSlabReserve r0 <- i0\nRet []";
    builder.addExport(name, builder.addFunction(name, "", "", 1, 1, code), {}, {});
  }
  SessionOptions options;
  options.maxMemoryBytes = 2000000;
  create(options);
  ASSERT_EQ(call("large", {}, 0), "ok");
  EXPECT_EQ(session->getStats().poolBytes, 1000000u);
  for (int i = 0; i < 20; ++i)
    ASSERT_EQ(call("small", {}, 0), "ok");
  EXPECT_EQ(session->getStats().poolBytes, 128u);
  ASSERT_EQ(call("large", {}, 0), "ok");
  ASSERT_EQ(call("larger", {}, 0), "ok");
  EXPECT_EQ(session->getStats().poolBytes, 1900160u);
  EXPECT_EQ(session->getStats().peakBytes, 1900160u);
}

TEST_F(SessionTest, ResultsFitTheirSignature) {
  const unsigned f = builder.addFunction("f", "ref", "ref", 0, 1, "Ret [r0]");
  builder.addExport("f", f, {"x:i64[2]"}, {"y:i64[3]"});
  create();
  EXPECT_EQ(call("f", {makeTensor<int64_t>(ElementType::I64, {2}, {1, 2})}),
            "f: output 0: the program's result does not fit its own signature");
}

TEST_F(SessionTest, ErrorsNameTheSource) {
  builder.addMessage("never mind");
  const unsigned f = builder.addFunction("f", "", "", 1, 0, "ConstI64 i0 <- 1\nFail 0");
  builder.addExport("f", f, {}, {});
  schema::DebugInfoT debug;
  debug.texts = {"model.py:1", "model.py:27"};
  debug.locations = {{0, 0}, {1, 1}};
  builder.setDebugInfo(debug);
  create();
  EXPECT_EQ(call("f", {}, 0), "f: never mind (model.py:27)");
}

TEST_F(KernelTest, DispatchesOverAnyNumberOfThreads) {
  const unsigned f = builder.addFunction("f", "ref", "ref ref", 6, 4, R"(
    TensorDim i0 <- r0 0
    ConstI64 i1 <- 16
    FloorDivI64 i2 <- i0 i1
    ConstI64 i3 <- 1
    AddI64 i2 <- i2 i3
    OutputAlloc r1 <- 0 f32 [i0]
    ConstI64 i4 <- 100
    Dispatch 0 [r0 r1] [i2 i3 i3 i4]
    ConstI64 i0 <- 13
    ConstI64 i1 <- 11
    ConstI64 i2 <- 7
    OutputAlloc r2 <- 1 i32 [i2 i1 i0]
    Dispatch 1 [r2] [i0 i1 i2]
    Ret [r1 r2])");
  builder.addExport("f", f, {"x:f32[-1]"}, {"y:f32[-1]", "n:i32[7,11,13]"});
  builder.addSymbol("n", 0, 1 << 20);
  std::vector<float> x(10000);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = float(i);
  for (unsigned threads : {1u, 2u, 5u}) {
    create({}, Device::localTask(threads).take());
    for (int repeat = 0; repeat < 20; ++repeat) {
      outputs.assign(2, Tensor());
      ASSERT_EQ(call("f", {makeTensor(ElementType::F32, {10000}, x)}, 2), "ok");
      const auto y = getValues<float>(outputs[0]);
      for (size_t i = 0; i < y.size(); ++i)
        ASSERT_EQ(y[i], float(i) + 100);
      const auto n = getValues<int32_t>(outputs[1]);
      for (size_t i = 0; i < n.size(); ++i)
        ASSERT_EQ(n[i], int32_t(i) + 1);
    }
  }
}

TEST_F(KernelTest, WorkGroupsAreSteps) {
  // f(x: i64[3]): as many work groups that do nothing.
  const unsigned f = builder.addFunction("f", "ref", "", 6, 1, R"(
    ConstI64 i3 <- 0
    ConstI64 i4 <- 1
    ConstI64 i5 <- 2
    LoadI64 i0 <- r0 i3
    LoadI64 i1 <- r0 i4
    LoadI64 i2 <- r0 i5
    Dispatch 2 [] [i0 i1 i2 i0 i3]
    Dispatch 2 [] [i0 i1 i2 i0 i3]
    Ret [])");
  builder.addExport("f", f, {"x:i64[3]"}, {});
  const int64_t most = UINT32_MAX;
  const auto callWith = [&](uint64_t maxSteps, std::vector<int64_t> groups) {
    SessionOptions options;
    options.maxSteps = maxSteps;
    create(options);
    return call("f", {makeTensor<int64_t>(ElementType::I64, {3}, groups)}, 0);
  };
  EXPECT_EQ(callWith(9 + 2 * 24, {2, 3, 4}), "ok");
  EXPECT_EQ(session->getStats().dispatches, 2u);
  EXPECT_EQ(callWith(9 + 2 * 24 - 1, {2, 3, 4}), "f: the limit of 56 steps is reached");
  EXPECT_EQ(callWith(8 + 24, {2, 3, 4}), "f: the limit of 32 steps is reached");
  EXPECT_EQ(session->getStats().dispatches, 1u); // None of the second one's groups has run.
  EXPECT_EQ(callWith(1000, {most, most, 1}), "f: the limit of 1000 steps is reached");
  EXPECT_EQ(callWith(UINT64_MAX, {most, most, most}), "f: kernel 'fail_from': 4294967295 work groups");
  EXPECT_EQ(callWith(9, {0, 1, 1}), "ok");
}

TEST_F(KernelTest, ScratchBelongsToAWorker) {
  const unsigned f = builder.addFunction("f", "ref", "ref", 2, 2, R"(
    TensorDim i0 <- r0 0
    ConstI64 i1 <- 1
    OutputAlloc r1 <- 0 i32 [i0]
    Dispatch 3 [r0 r1] [i0 i1 i1]
    Ret [r1])");
  builder.addExport("f", f, {"x:i32[500,64]"}, {"y:i32[500]"});
  std::vector<int32_t> x(500 * 64);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = int32_t(i / 64);
  const Device device = Device::localTask(4).take();
  create({}, device);
  ASSERT_EQ(call("f", {makeTensor(ElementType::I32, {500, 64}, x)}), "ok");
  const auto y = getValues<int32_t>(outputs[0]);
  for (size_t i = 0; i < y.size(); ++i)
    ASSERT_EQ(y[i], int32_t(i) * 64);
  EXPECT_GE(session->getStats().scratchBytes, device.getWorkerCount() * 256u);
}

TEST_F(KernelTest, FailuresNameTheKernel) {
  const unsigned f = builder.addFunction("f", "ref ref", "", 5, 2, R"(
    ConstI64 i0 <- 0
    LoadI64 i1 <- r0 i0
    LoadI64 i2 <- r1 i0
    ConstI64 i3 <- 1000
    ConstI64 i4 <- 1
    Dispatch 2 [] [i3 i4 i4 i1 i2]
    Ret [])");
  builder.addExport("f", f, {"from:i64[]", "code:i64[]"}, {});
  auto scalar = [](int64_t value) { return makeTensor<int64_t>(ElementType::I64, {}, {value}); };
  for (unsigned threads : {1u, 3u}) {
    create({}, Device::localTask(threads).take());
    EXPECT_EQ(call("f", {scalar(1000), scalar(1)}, 0), "ok");
    EXPECT_EQ(call("f", {scalar(999), scalar(1)}, 0), "f: kernel 'fail_from': index out of range");
    EXPECT_EQ(call("f", {scalar(0), scalar(2)}, 0), "f: kernel 'fail_from': integer division by zero");
    EXPECT_EQ(call("f", {scalar(0), scalar(3)}, 0), "f: kernel 'fail_from': invalid value");
    EXPECT_EQ(call("f", {scalar(0), scalar(77)}, 0), "f: kernel 'fail_from': error 77");
    EXPECT_EQ(call("f", {scalar(0), scalar(0x10000)}, 0), "f: kernel 'fail_from': a kernel's own words");
  }
}

TEST_F(KernelTest, RefusesBadDispatches) {
  const unsigned f = builder.addFunction("f", "ref ref", "", 3, 2, R"(
    ConstI64 i0 <- 0
    ConstI64 i1 <- 1
    LoadI64 i2 <- r1 i0
    Dispatch 1 [r0] [i2 i1 i1]
    Ret [])");
  builder.addExport("f", f, {"x:i32[4]", "n:i64[]"}, {});
  create();
  const Tensor x = makeTensor<int32_t>(ElementType::I32, {4}, {1, 2, 3, 4});
  auto scalar = [](int64_t value) { return makeTensor<int64_t>(ElementType::I64, {}, {value}); };
  EXPECT_EQ(call("f", {x, scalar(0)}, 0), "ok"); // Nothing runs.
  EXPECT_EQ(call("f", {x, scalar(1)}, 0), "f: kernel 'number_groups' would write to a read-only tensor");
  EXPECT_EQ(call("f", {x, scalar(-1)}, 0), "f: kernel 'number_groups': -1 work groups");
  EXPECT_EQ(call("f", {x, scalar(1ll << 32)}, 0), "f: kernel 'number_groups': 4294967296 work groups");
}

TEST_F(KernelTest, AWarmCallAllocatesNothing) {
  const unsigned f = builder.addFunction("f", "ref", "ref", 4, 3, R"(
    ConstI64 i0 <- 4096
    SlabReserve r1 <- i0
    ConstI64 i1 <- 0
    ConstI64 i2 <- 64
    View r1 <- r1 i1 f32 [i2]
    ConstI64 i3 <- 1
    Dispatch 0 [r0 r1] [i2 i3 i3 i3]
    OutputAlloc r2 <- 0 f32 [i2]
    Dispatch 0 [r1 r2] [i2 i3 i3 i3]
    Ret [r2])");
  builder.addExport("f", f, {"x:f32[64]"}, {"y:f32[64]"});
  create();
  const Tensor x = makeTensor(ElementType::F32, {64}, std::vector<float>(64, 1));
  const uint8_t *first = nullptr;
  for (int i = 0; i < 50; ++i) {
    outputs.assign(1, Tensor()); // The last result is let go, its memory used again.
    ASSERT_EQ(call("f", {x}), "ok");
    EXPECT_EQ(getValues<float>(outputs[0])[63], 3);
    first = first ? first : outputs[0].getData();
    EXPECT_EQ(outputs[0].getData(), first);
  }
  EXPECT_EQ(session->getStats().peakBytes, 4096u + 256u);
  EXPECT_EQ(session->getStats().calls, 50u);
}

TEST_F(KernelTest, ManyThreadsShareAProgramAndADevice) {
  const unsigned f = builder.addFunction("f", "ref", "ref", 3, 2, R"(
    ConstI64 i0 <- 64
    ConstI64 i1 <- 4
    ConstI64 i2 <- 1
    OutputAlloc r1 <- 0 f32 [i0]
    Dispatch 0 [r0 r1] [i1 i2 i2 i2]
    Ret [r1])");
  builder.addExport("f", f, {"x:f32[64]"}, {"y:f32[64]"});
  const auto program = Program::copyBytes(builder.build(), {}).take();
  const Device device = Device::localTask(3).take();
  std::atomic<unsigned> right{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      Session own = Session::create(program, device, {}).take();
      const Tensor x = makeTensor(ElementType::F32, {64}, std::vector<float>(64, float(i)));
      for (int repeat = 0; repeat < 500; ++repeat) {
        Tensor y[1];
        if (own.call(0u, {&x, 1}, y).isOk() && getValues<float>(y[0]) == std::vector<float>(64, float(i) + 1))
          ++right;
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(right, 2000u);
}

TEST_F(KernelTest, ACpuThatLacksAFeatureIsToldSo) {
  builder.module.libraries.clear();
  ModuleBuilder other;
  other.addKernel("k", 0, 0, 0);
  other.addLibrary("znver9", {"+sse2", "+telepathy", "levitation"}, {1});
  const auto status = Program::copyBytes(other.build(), {}).takeStatus();
  EXPECT_EQ(status.getCode(), StatusCode::Incompatible);
#if defined(__x86_64__)
  EXPECT_STREQ(status.getMessage(), "compiled for znver9; this CPU lacks telepathy levitation");
#endif
}

} // namespace
} // namespace torchc::runtime::test
