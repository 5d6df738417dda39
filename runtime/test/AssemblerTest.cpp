//===- AssemblerTest.cpp - text to a module and back ----------------------===//
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

/// One of everything, as the disassembler writes it.
constexpr const char *kEverything =
    R"(module "m \22x\5c\0a\e2\82\ac" compiler="0.1.0" llvm="22.1" target="x86_64-linux" source="c0ffee" flags=["-O3" "-g"]
message "too \22long\22"
message ""
constant "w" type=f32 dims=[2 1] data="0000803f00000040"
constant "empty" type=f64 dims=[0 3] data=""
constant "v" type=complex<f64> dims=[] data="000102030405060708090a0b0c0d0e0f"
constant "w again" type=i32 dims=[2] offset=0
parameter "model" "layer.weight" type=bf16 dims=[4 4]
global "count" kind=i64 mutable=1 constant=-1 value=-7
global "state" kind=ref mutable=0 constant=2 value=0
global "late" kind=ref mutable=1 constant=-1 value=0
external "scale" parameters=[ref i64] results=[i64 ref] attributes="{\22axis\22: 1}"
kernel "k" inputs=1 outputs=2 constants=1 scratch=256
library "x86_64" "x86-64-v3" features=["avx2" "fma"] object="7f454c46"
library "aarch64" "generic" features=[] object="00"
function "callee" parameters=[i64 ref i64] results=[i64] i64=3 ref=1 slab=0 live=0 ; 0
     0  AddI64 dst=i2 <- a=i0 b=i1
     1  Ret results=[i2]
function "main" parameters=[ref] results=[ref ref] i64=4 ref=4 slab=128 live=64 ; 1
  location "model.py:1"
     0  ConstI64 dst=i0 <- value=-9223372036854775808
     1  Call results=[i1] <- callee=0 arguments=[i0 r0 i0] ; "callee"
     2  CallExternal results=[i2 r1] <- callee=0 arguments=[r0 i1] ; "scale"
     3  Constant dst=r2 <- source=3 ; "w again"
     4  Parameter dst=r2 <- source=0 ; "layer.weight"
     5  GlobalGetI64 dst=i3 <- source=0 ; "count"
     6  GlobalSetI64 target=0 a=i3 ; "count"
     7  GlobalGetRef dst=r3 <- source=1 ; "state"
     8  GlobalSetRef target=2 a=r3 ; "late"
  location "model.py:27"
     9  View dst=r2 <- source=r2 offset=i0 element=complex<f32> dims=[i0 i1]
    10  CheckType source=r2 element=f8E4M3FN rank=16 text=0 ; "too \22long\22"
    11  CondBr cond=i0 then=12 else=14
    12  Block live_i64=[i0] live_ref=[r0] <-
    13  Ret results=[r0 r0]
    14  Block live_i64=[] live_ref=[] <-
    15  Fail text=1 ; ""
export "forward" function=1 input_spec="[1, {\22a\22: 2}]" output_spec=""
  symbol "batch" min=1 max=9223372036854775807 multiple_of=8
  input "x" kind=Tensor type=f32 dims=[s0 2]
  output "y" kind=Tensor type=f32 dims=[? s0]
  output "n" kind=Int type=i64 dims=[]
)";

std::string disassemble(const std::vector<uint8_t> &file, uint64_t maxDataBytes = 1000) {
  const AlignedBytes bytes(file);
  LoadOptions options;
  options.loadKernels = false;
  auto program = Program::borrowBytes(bytes.get(), nullptr, nullptr, options);
  if (!program.isOk())
    return program.getStatus().getMessage();
  std::string text;
  program->disassemble(
      maxDataBytes, [](void *to, std::string_view piece) { *static_cast<std::string *>(to) += piece; }, &text);
  return text;
}

std::vector<uint8_t> assemble(std::string_view text) {
  ModuleParts parts;
  runtime::assemble(text, parts);
  return writeModule(parts);
}

std::string fail(std::string_view text) {
  try {
    assemble(text);
    return "ok";
  } catch (const AssemblyError &error) {
    return error.what();
  }
}

TEST(Assembler, TextComesBack) { EXPECT_EQ(disassemble(assemble(kEverything)), kEverything); }

TEST(Assembler, BytesComeBack) {
  const auto bytes = assemble(kEverything);
  EXPECT_EQ(assemble(disassemble(bytes)), bytes);
}

/// Each opcode of the table, with operands of each kind in their order.
TEST(Assembler, KnowsEveryOpcode) {
  for (const OpcodeInfo &info : kOpcodes) {
    std::string line(info.name), named = line;
    for (const Operand &operand : info) {
      std::string value = "1";
      switch (operand.kind) {
      case OperandKind::I64: value = "i1"; break;
      case OperandKind::Ref: value = "r1"; break;
      case OperandKind::I64s: value = "[i1]"; break;
      case OperandKind::Refs: value = "[r1]"; break;
      case OperandKind::Values: value = "[r1]"; break;
      case OperandKind::Type: value = "i8"; break;
      default: break;
      }
      line += " " + value;
      named += " " + std::string(operand.name) + "=" + value;
    }
    ModuleParts parts, namedParts;
    runtime::assemble("function \"f\"\n" + line, parts);
    runtime::assemble("function \"f\"\n" + named, namedParts);
    ASSERT_EQ(parts.code.size(), 1u);
    EXPECT_EQ(std::memcmp(&parts.code[0], &namedParts.code[0], sizeof(Instruction)), 0) << line;
    EXPECT_EQ(parts.code[0].opcode, uint16_t(info.opcode));
    for (const Operand &operand : info)
      if (!detail::isWide(operand.kind) || operand.kind == OperandKind::Target ||
          operand.kind == OperandKind::Message) {
        EXPECT_EQ(getField(parts.code[0], operand.field), 1u) << line << " " << operand.name;
      }
    EXPECT_EQ(fail("function \"f\"\n" + line + " 1"), "line 2: unexpected '1'");
  }
}

TEST(Assembler, WordsLabelsAndReferences) {
  const std::string text = disassemble(assemble(R"(
    module "m"          ; a comment
    message "a"
    message "b"
    function "f" i64=1
      ConstI64 i0 <- 0x10
      Br end
    end:
      Block [i0] []
      CheckTrue i0 @"b"
    4 CheckTrue cond=i0 text=0
      Ret []
  )"));
  EXPECT_NE(text.find("0  ConstI64 dst=i0 <- value=16\n     1  Br to=2\n     2  Block live_i64=[i0] live_ref=[] <-\n"
                      "     3  CheckTrue cond=i0 text=1 ; \"b\"\n     4  CheckTrue cond=i0 text=0 ; \"a\"\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(fail("function \"f\"\n 1 Ret []"), "line 2: this is instruction 0");
  EXPECT_EQ(fail("function \"f\"\n raw 0x7e 1 2 3 4 5\n"), "ok");
  EXPECT_EQ(disassemble(assemble("function \"f\"\nraw 0x7e")), "function 'f', instruction 0: unknown opcode 0x7e");
}

TEST(Assembler, LeavesOutLargeData) {
  const std::string text = disassemble(assemble(kEverything), 8);
  EXPECT_NE(text.find("data=\"0000803f00000040\""), std::string::npos);
  EXPECT_NE(text.find("dims=[] data=...\n"), std::string::npos);
  EXPECT_EQ(fail(text), "line 6: the text leaves out this data");
}

TEST(Assembler, ErrorsNameTheLine) {
  EXPECT_EQ(fail("\n\nfoo"), "line 3: 'foo' is no statement here");
  EXPECT_EQ(fail("module \"m"), "line 1: a string without its \"");
  EXPECT_EQ(fail("module \"\\n\""), "line 1: an escape in a string is \\ and two hexadecimal digits");
  EXPECT_EQ(fail("module \"\\4"), "line 1: an escape in a string is \\ and two hexadecimal digits");
  EXPECT_EQ(fail("module name"), "line 1: a \"name\" is missing");
  EXPECT_EQ(fail("module \"m\" \"n\""), "line 1: unexpected 'n'");
  EXPECT_EQ(fail("kernel \"k\" inputs=1 inputs=2"), "line 1: 'inputs=' twice");
  EXPECT_EQ(fail("kernel \"k\" speed=1"), "line 1: unexpected 'speed='");
  EXPECT_EQ(fail("kernel \"k\" inputs=x"), "line 1: 'x' is no number");
  EXPECT_EQ(fail("kernel \"k\" inputs=[1"), "line 1: a list without its ]");
  EXPECT_EQ(fail("kernel \"k\" ]"), "line 1: a ] without its [");
  EXPECT_EQ(fail("kernel \"k\" @x"), "line 1: expected a word, a \"string\" or a [list]");
  EXPECT_EQ(fail("constant \"c\" type=f31"), "line 1: 'f31' is no element type");
  EXPECT_EQ(fail("constant \"c\" data=\"123\""), "line 1: data is two hexadecimal digits a byte");
  EXPECT_EQ(fail("constant \"c\" data=\"xy\""), "line 1: data is hexadecimal");
  EXPECT_EQ(fail("symbol \"s\""), "line 1: this belongs behind an export");
  EXPECT_EQ(fail("export \"f\"\n input \"x\" kind=Table"), "line 2: 'Table' is no number");
  auto instruction = [](const std::string &line) { return fail("function \"f\"\n" + line); };
  EXPECT_EQ(instruction("Jump 3"), "line 2: there is no opcode Jump");
  EXPECT_EQ(instruction("0"), "line 2: an instruction is missing");
  EXPECT_EQ(instruction("raw"), "line 2: raw takes an opcode and up to 5 fields");
  EXPECT_EQ(instruction("raw 1 0x10000"), "line 2: '0x10000' does not fit its field");
  EXPECT_EQ(instruction("MovI64 i0 <-"), "line 2: operand 'a' is missing");
  EXPECT_EQ(instruction("MovI64 i0 <- b=i1"), "line 2: operand 'b' where 'a' is expected");
  EXPECT_EQ(instruction("MovI64 i0 <- r1"), "line 2: 'r1' is no register of this operand");
  EXPECT_EQ(instruction("MovI64 i0 <- i65536"), "line 2: 'i65536' is no register of this operand");
  EXPECT_EQ(instruction("OutputAlloc r0 <- 65536 f32 []"), "line 2: operand 'output' does not fit its field");
  EXPECT_EQ(instruction("Ret i0"), "line 2: expected a [list of registers], at most 65535");
  EXPECT_EQ(instruction("Fail @\"boom\""), "line 2: there is no \"boom\"");
  EXPECT_EQ(instruction("Br nowhere"), "line 2: 'nowhere' is no number");
}

} // namespace
} // namespace torchc::runtime::test
