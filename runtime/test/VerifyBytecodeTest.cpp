//===- VerifyBytecodeTest.cpp - the rules for instructions, one by one ----===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModuleBuilder.h"
#include "torchc/runtime/Program.h"

#include <gtest/gtest.h>

namespace torchc::runtime::test {
namespace {

class VerifyBytecode : public ::testing::Test {
protected:
  /// The verifier's word on the module with a function (i64, ref) -> i64 of 4 + 3 registers.
  std::string verify(const std::string &code, const std::function<void(ModuleBuilder &)> &edit = {}) {
    ModuleBuilder whole = builder;
    whole.addFunction("f", "i64 ref", "i64", 4, 3, code);
    if (edit)
      edit(whole);
    return load(whole);
  }

  static std::string load(const ModuleBuilder &module) {
    const AlignedBytes bytes(module.build());
    LoadOptions options;
    options.loadKernels = false;
    auto program = Program::borrowBytes(bytes.get(), nullptr, nullptr, options);
    return program.getStatus().getMessage();
  }

  ModuleBuilder builder;
};

TEST_F(VerifyBytecode, AcceptsALoop) {
  EXPECT_EQ(verify(R"(
      ConstI64 i1 <- 0
      ConstI64 i2 <- 1
      Br head
    head:
      Block [i0 i1 i2] [r0] <-
      LtI64 i3 <- i1 i0
      CondBr i3 body done
    body:
      Block [i0 i1 i2] [r0] <-
      AddI64 i1 <- i1 i2
      Br head
    done:
      Block [i1] [] <-
      Ret [i1]
  )"),
            "ok");
}

TEST_F(VerifyBytecode, UnknownOpcode) {
  EXPECT_EQ(verify("raw 0x7e\nRet [i0]"), "function 'f', instruction 0: unknown opcode 0x7e");
}

TEST_F(VerifyBytecode, RegisterRange) {
  EXPECT_EQ(verify("MovI64 i4 <- i0\nRet [i0]"), "function 'f', instruction 0: there is no register i64[4]");
}

TEST_F(VerifyBytecode, RefRegisterRange) {
  EXPECT_EQ(verify("MovRef r1 <- r3\nRet [i0]"), "function 'f', instruction 0: there is no register ref[3]");
}

TEST_F(VerifyBytecode, ReadBeforeWrite) {
  EXPECT_EQ(verify("AddI64 i1 <- i0 i1\nRet [i1]"), "function 'f', instruction 0: register i64[1] may be unset here");
}

TEST_F(VerifyBytecode, ReadAfterDrop) {
  EXPECT_EQ(verify("Drop r0\nTensorDim i1 <- r0 0\nRet [i1]"),
            "function 'f', instruction 1: register ref[0] may be unset here");
}

TEST_F(VerifyBytecode, BankBeyondItsParameters) {
  builder.addFunction("f", "i64 i64", "", 1, 0, "Ret []");
  EXPECT_EQ(load(builder), "function 'f', instruction 0: the parameters need more registers than there are");
}

TEST_F(VerifyBytecode, BlockPromisesWhatABranchLacks) {
  EXPECT_EQ(verify(R"(
      CondBr i0 a b
    a:
      Block [i0] [] <-
      ConstI64 i1 <- 1
      Br c
    b:
      Block [i0] [] <-
      Br c
    c:
      Block [i1] [] <-
      Ret [i1]
  )"),
            "function 'f', instruction 5: register i64[1] may be unset here");
}

TEST_F(VerifyBytecode, BlockHidesOtherRegisters) {
  EXPECT_EQ(verify("Br a\na:\nBlock [] [] <-\nRet [i0]"),
            "function 'f', instruction 2: register i64[0] may be unset here");
}

TEST_F(VerifyBytecode, TargetIsABlock) {
  EXPECT_EQ(verify("Br 1\nBlock [i0] [] <-\nMovI64 i1 <- i0\nBr 2"),
            "function 'f', instruction 3: a branch to an instruction that is no Block");
}

TEST_F(VerifyBytecode, TargetInTheFunction) {
  EXPECT_EQ(verify("Br 9"), "function 'f', instruction 0: a branch leaves the function");
}

TEST_F(VerifyBytecode, FallingIntoABlock) {
  EXPECT_EQ(verify("MovI64 i1 <- i0\nBlock [] [] <-\nRet [i0]"),
            "function 'f', instruction 1: a block is entered by falling into it");
}

TEST_F(VerifyBytecode, CodeBehindATerminator) {
  EXPECT_EQ(verify("Ret [i0]\nRet [i0]"), "function 'f', instruction 1: a block starts without a Block instruction");
}

TEST_F(VerifyBytecode, EntryBlock) {
  EXPECT_EQ(verify("Block [] [] <-\nRet [i0]"), "function 'f', instruction 0: the entry block has a Block instruction");
}

TEST_F(VerifyBytecode, MissingTerminator) {
  EXPECT_EQ(verify("MovI64 i1 <- i0"), "function 'f', instruction 0: the function does not end with a terminator");
}

TEST_F(VerifyBytecode, ResultCount) {
  EXPECT_EQ(verify("Ret [i0 i0]"), "function 'f', instruction 0: 2 values where 1 are expected");
}

TEST_F(VerifyBytecode, UnusedFields) {
  EXPECT_EQ(verify("raw 0x11 1 0 1\nRet [i1]"), "function 'f', instruction 0: an unused field is not zero");
}

TEST_F(VerifyBytecode, ListsStayInTheirSection) {
  EXPECT_EQ(verify("raw 0x06 0 0 0 1000"), "function 'f', instruction 0: the list 'results' leaves its section");
}

TEST_F(VerifyBytecode, ListCountStaysInItsSection) {
  EXPECT_EQ(verify("Ret [i0]", [](auto &b) { b.lists[0] = 2; }),
            "function 'f', instruction 0: the list 'results' leaves its section");
}

TEST_F(VerifyBytecode, Ordinals) {
  EXPECT_EQ(verify("Parameter r1 <- 0\nRet [i0]"), "function 'f', instruction 0: there is no parameter 0");
  EXPECT_EQ(verify("GlobalGetI64 i1 <- 0\nRet [i0]"), "function 'f', instruction 0: there is no global 0");
  EXPECT_EQ(verify("CallExternal [] <- 0 []\nRet [i0]"), "function 'f', instruction 0: there is no external 0");
  EXPECT_EQ(verify("Dispatch 0 [] [i0 i0 i0]\nRet [i0]"), "function 'f', instruction 0: there is no kernel 0");
  EXPECT_EQ(verify("Constant r1 <- 0\nRet [i0]"), "function 'f', instruction 0: there is no constant 0");
}

TEST_F(VerifyBytecode, Messages) { EXPECT_EQ(verify("Fail 0"), "function 'f', instruction 0: there is no message 0"); }

TEST_F(VerifyBytecode, Types) {
  EXPECT_EQ(verify("CheckType r0 12 1 0\nRet [i0]"), "function 'f', instruction 0: unknown element type 12");
  EXPECT_EQ(verify("View r0 r0 i0 262 []\nRet [i0]"), "function 'f', instruction 0: unknown element type 262");
}

TEST_F(VerifyBytecode, Rank) {
  EXPECT_EQ(verify("Reshape r1 <- r0 [i0 i0 i0 i0 i0 i0 i0 i0 i0 i0 i0 i0 i0 i0 i0 i0 i0]\nRet [i0]"),
            "function 'f', instruction 0: more than 16 dims");
}

TEST_F(VerifyBytecode, Recursion) {
  EXPECT_EQ(verify("Call [i0] <- 0 [i0 r0]\nRet [i0]"),
            "function 'f', instruction 0: a call of a function that does not stand before its caller");
}

TEST_F(VerifyBytecode, CallSignature) {
  builder.addFunction("g", "i64", "ref", 1, 1, "Fail 0");
  builder.addMessage("m");
  EXPECT_EQ(verify("Call [r1] <- 0 [r2]\nRet [i0]"), "function 'f', instruction 0: register i64[2] may be unset here");
}

TEST_F(VerifyBytecode, GlobalKinds) {
  builder.addGlobal("g", schema::RegisterKind::I64, false);
  EXPECT_EQ(verify("GlobalGetRef r1 <- 0\nRet [i0]"), "function 'f', instruction 0: global 'g' is of the other kind");
}

TEST_F(VerifyBytecode, ImmutableGlobals) {
  builder.addGlobal("g", schema::RegisterKind::I64, false);
  EXPECT_EQ(verify("GlobalSetI64 0 i0\nRet [i0]"), "function 'f', instruction 0: global 'g' is not mutable");
}

TEST_F(VerifyBytecode, KernelBindings) {
  builder.addKernel("k", 1, 1, 3);
  EXPECT_EQ(verify("Dispatch 0 [r0] [i0 i0 i0]\nRet [i0]"),
            "function 'f', instruction 0: bindings of kernel 'k': 2 registers, not 1");
}

TEST_F(VerifyBytecode, KernelConstants) {
  builder.addKernel("k", 1, 0, 5);
  EXPECT_EQ(verify("Dispatch 0 [r0] [i0 i0 i0 i0]\nRet [i0]"),
            "function 'f', instruction 0: constants of kernel 'k': 5 registers, not 4");
}

TEST_F(VerifyBytecode, FunctionsTileTheBytecode) {
  EXPECT_EQ(verify("Ret [i0]\n", [](auto &b) { b.module.functions[0]->first_instruction = 1; }),
            "function 'f' is not at its place in the bytecode");
}

TEST_F(VerifyBytecode, NoStrayInstructions) {
  EXPECT_EQ(verify("Ret [i0]\n", [](auto &b) { b.code.push_back(b.code[0]); }), "instructions belong to no function");
}

TEST_F(VerifyBytecode, StackSize) {
  for (unsigned i = 0; i < 10; ++i)
    builder.addFunction("f", "", "", 0, 65535,
                        i == 0 ? "Ret []" : "Call [] <- " + std::to_string(i - 1) + " []\nRet []");
  EXPECT_EQ(load(builder), "function 'f': the call stack needs more than 67108864 bytes");
}

TEST_F(VerifyBytecode, BranchWorkIsBounded) {
  std::string registers, code = "Br head\nhead:\nBlock [";
  for (unsigned i = 0; i < 60000; ++i)
    registers += "i0 ";
  code += registers + "] [] <-\nRet [i0]\n";
  for (unsigned i = 0; i < 5000; ++i)
    code += "Block [i0] [] <-\nBr head\n";
  EXPECT_NE(verify(code).find("too many registers in lists for the size of the code"), std::string::npos);
}

} // namespace
} // namespace torchc::runtime::test
