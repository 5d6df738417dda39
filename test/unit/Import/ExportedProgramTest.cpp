//===- ExportedProgramTest.cpp - tests of the reader of torch.export archives ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ArchiveWriter.h"

#include "torchc/Import/ExportedProgram.h"
#include "torchc/Import/Import.h"
#include "torchc/Pipeline/Pipeline.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/MemoryBuffer.h"

#include <gtest/gtest.h>

#include <random>

using namespace torchc;

namespace {

/// `x + w` of `[s0, 2]` tensors, as torch 2.13 writes it.
constexpr const char *kModel = R"json({
  "graph_module": {
    "graph": {
      "inputs": [{"as_tensor": {"name": "p_w"}}, {"as_tensor": {"name": "x"}}],
      "outputs": [{"as_tensor": {"name": "add"}}],
      "nodes": [{
        "target": "torch.ops.aten.add.Tensor",
        "inputs": [{"name": "self", "arg": {"as_tensor": {"name": "x"}}, "kind": 1},
                   {"name": "other", "arg": {"as_tensor": {"name": "p_w"}}, "kind": 1}],
        "outputs": [{"as_tensor": {"name": "add"}}],
        "metadata": {"stack_trace": "  File \"model.py\", line 7, in forward\n    return x + self.w"},
        "name": "add"}],
      "tensor_values": {
        "p_w": {"dtype": 7, "sizes": [{"as_int": 2}], "strides": [{"as_int": 1}],
                "storage_offset": {"as_int": 0}, "layout": 7, "requires_grad": true},
        "x": {"dtype": 7, "sizes": [{"as_expr": {"expr_str": "Symbol('s0', integer=True)", "hint": {"as_int": 4}}}, {"as_int": 2}],
              "strides": [{"as_int": 2}, {"as_int": 1}], "storage_offset": {"as_int": 0}, "layout": 7},
        "add": {"dtype": 7, "sizes": [{"as_expr": {"expr_str": "Symbol('s0', integer=True)", "hint": null}}, {"as_int": 2}],
              "strides": [{"as_int": 2}, {"as_int": 1}], "storage_offset": {"as_int": 0}, "layout": 7}},
      "sym_int_values": {}, "sym_bool_values": {}},
    "signature": {
      "input_specs": [{"parameter": {"arg": {"name": "p_w"}, "parameter_name": "w"}},
                      {"user_input": {"arg": {"as_tensor": {"name": "x"}}}}],
      "output_specs": [{"user_output": {"arg": {"as_tensor": {"name": "add"}}}}]},
    "module_call_graph": [{"fqn": "", "signature": {"in_spec": "I", "out_spec": "O"}}]},
  "range_constraints": {"s0": {"min_val": 2, "max_val": null}},
  "schema_version": {"major": 8, "minor": 20}})json";

constexpr const char *kWeights = R"({"config": {"w": {"path_name": "weight_0", "is_param": true, "use_pickle": false,
  "tensor_meta": {"dtype": 7, "sizes": [{"as_int": 2}], "strides": [{"as_int": 1}],
                  "storage_offset": {"as_int": 0}, "layout": 7}}}})";

/// The members of the archive, to be spoilt.
struct Model {
  std::string model = kModel, weights = kWeights, constants = R"({"config": {}})";
  std::string format = "pt2", version = "0", byteorder = "little";
  std::string weight = std::string("\0\0\x80\x3f\0\0\0\x40", 8); // 1.0, 2.0

  std::string write() const {
    return writeArchive({{"m/archive_format", format},
                         {"m/archive_version", version},
                         {"m/byteorder", byteorder},
                         {"m/models/model.json", model},
                         {"m/data/weights/model_weights_config.json", weights},
                         {"m/data/weights/weight_0", weight},
                         {"m/data/constants/model_constants_config.json", constants}});
  }
};

CaptureResult read(const std::string &bytes) {
  return readExportedProgram(llvm::MemoryBuffer::getMemBufferCopy(bytes, "model.pt2"));
}

std::string replaced(std::string text, const std::string &from, const std::string &to) {
  size_t position = text.find(from);
  EXPECT_NE(position, std::string::npos) << from;
  return text.replace(position, from.size(), to);
}

void expectError(const Model &model, const std::string &message, CaptureFailure failure = CaptureFailure::BadFile) {
  CaptureResult result = read(model.write());
  ASSERT_FALSE(result) << "expected: " << message;
  ASSERT_EQ(result.errors.size(), 1u);
  EXPECT_NE(result.errors.front().find(message), std::string::npos) << "got: " << result.errors.front();
  EXPECT_EQ(result.failure, failure);
}

void expectModelError(const std::string &from, const std::string &to, const std::string &message,
                      CaptureFailure failure = CaptureFailure::BadFile) {
  Model model;
  model.model = replaced(model.model, from, to);
  expectError(model, message, failure);
}

void expectWeightError(const std::string &from, const std::string &to, const std::string &message,
                       CaptureFailure failure = CaptureFailure::BadFile) {
  Model model;
  model.weights = replaced(model.weights, from, to);
  expectError(model, message, failure);
}

} // namespace

TEST(ExportedProgram, ReadsAProgram) {
  CaptureResult result = read(Model().write());
  ASSERT_TRUE(result) << result.errors.front();
  EXPECT_TRUE(result.warnings.empty());
  const CapturedProgram &program = *result.program;
  ASSERT_EQ(program.functions.size(), 1u);
  const CapturedFunction &function = program.functions.front();
  ASSERT_EQ(function.graph.nodes.size(), 1u);
  const CapturedNode &node = function.graph.nodes.front();
  EXPECT_EQ(node.target, "aten.add.Tensor");
  ASSERT_EQ(node.frames.size(), 1u);
  EXPECT_EQ(node.frames[0].file, "model.py");
  EXPECT_EQ(node.frames[0].line, 7);
  EXPECT_EQ(node.frames[0].function, "forward");
  EXPECT_EQ(node.outputs[0].type.tensor.sizes[0].expression, "s0");
  EXPECT_EQ(function.outputSpec, "O");
  ASSERT_EQ(program.symbols.size(), 1u);
  EXPECT_EQ(program.symbols[0].min, 0); // torch's 2 is no demand on inputs.
  EXPECT_EQ(program.symbols[0].max, INT64_MAX);
  ASSERT_EQ(program.tensors.size(), 1u);
  EXPECT_EQ(program.tensors[0].name, "w");
  EXPECT_EQ(program.tensors[0].data[3], 0x3f);
}

TEST(ExportedProgram, WritesProductsAndSumsOfSizes) {
  Model model;
  model.model = replaced(model.model, "Symbol('s0', integer=True)",
                         "Mul(Integer(2), Add(Symbol('s0', integer=True), Integer(1)))");
  CaptureResult result = read(model.write());
  ASSERT_TRUE(result) << result.errors.front();
  const CapturedFunction &function = result.program->functions.front();
  EXPECT_EQ(function.graph.inputs[1].type.tensor.sizes[0].expression, "2*(s0 + 1)");
  EXPECT_EQ(function.graph.inputs[1].type.tensor.sizes[0].value, 4);
}

TEST(ExportedProgram, FindsTheOnlyValueOfASize) {
  Model model;
  model.model = replaced(model.model, "Symbol('s0', integer=True)",
                         "Min(Integer(1), Add(Symbol('s0', integer=True), Integer(-1)))");
  auto readSize = [&] { return read(model.write()).program->functions.front().graph.inputs[1].type.tensor.sizes[0]; };
  EXPECT_EQ(readSize().expression, "Min(1, s0 + -1)"); // s0 may be 0.
  model.model = replaced(model.model, R"("min_val": 2)", R"("min_val": 3)");
  EXPECT_TRUE(readSize().isConstant());
  EXPECT_EQ(readSize().value, 1);
}

TEST(ExportedProgram, NamesThePlaceOfAnError) {
  expectModelError(R"("as_tensor": {"name": "p_w"}}, "kind")", R"("as_foo": {"name": "p_w"}}, "kind")",
                   "models/model.json: graph_module.graph.nodes[0].inputs[1].arg: unknown tag 'as_foo'");
}

TEST(ExportedProgram, RefusesOtherVersionsAndForms) {
  expectModelError("\"major\": 8", "\"major\": 9", "schema version 9.20");
  expectModelError("\"major\": 8", "\"major\": 7", "schema version 7.20");
  Model format;
  format.format = "pt3";
  expectError(format, "'archive_format' says 'pt3'");
  Model order;
  order.byteorder = "big";
  expectError(order, "'byteorder' says 'big'");
}

TEST(ExportedProgram, WarnsOfANewerMinorVersion) {
  Model model;
  model.model = replaced(model.model, "\"minor\": 20", "\"minor\": 99");
  CaptureResult result = read(model.write());
  ASSERT_TRUE(result);
  EXPECT_EQ(result.warnings.size(), 1u);
}

TEST(ExportedProgram, RefusesMissingAndWrongFields) {
  expectModelError("\"signature\": {\n", "\"signatures\": {\n", "missing field 'signature'");
  expectModelError("\"target\"", "\"targets\"", "missing field 'target'");
  expectModelError("\"layout\": 7, \"requires_grad\"", "\"requires_grad\"", "missing field 'layout'");
  expectModelError("\"layout\": 7", "\"layout\": \"7\"", "expected an integer");
  expectModelError("\"layout\": 7", "\"layout\": 1", "sparse", CaptureFailure::UnsupportedOp);
  expectModelError("\"dtype\": 7", "\"dtype\": 77", "unknown element type 77");
  expectModelError("{\"as_int\": 2}", "{\"as_int\": -2}", "negative size");
  expectModelError("{\"as_int\": 2}", "{\"as_int\": 18446744073709551615}", "does not fit 64 bits");
  expectModelError("{\"as_int\": 2}", "{\"as_int\": 2, \"as_expr\": 3}", "expected an object with one member");
  expectModelError("\"parameter\":", "\"token\":", "not supported", CaptureFailure::UnsupportedOp);
  expectModelError("\"parameter\":", "\"parametre\":", "unknown tag 'parametre'");
  expectModelError("{", "{{", "not JSON");
  expectModelError("\"min_val\": 2, \"max_val\": null", "\"min_val\": 2, \"max_val\": 1", "range is empty");
  expectModelError(R"(, {"as_tensor": {"name": "x"}}],)", "],", "another number of inputs");
}

TEST(ExportedProgram, RefusesWeightsThatDoNotFit) {
  expectWeightError("\"use_pickle\": false", "\"use_pickle\": true", "pickled", CaptureFailure::UnsupportedOp);
  expectWeightError("weight_0", "weight_1", "no member 'm/data/weights/weight_1'");
  expectWeightError("weight_0", "../weight_0", "not the name of a member");
  expectWeightError("{\"as_int\": 2}", "{\"as_int\": 3}", "reaches 12 bytes into a storage of 8");
  expectWeightError("\"storage_offset\": {\"as_int\": 0}", "\"storage_offset\": {\"as_int\": 1}", "reaches 12 bytes");
  expectWeightError("{\"as_int\": 1}", "{\"as_int\": -1}", "fit 64 bits");
  expectWeightError("{\"as_int\": 2}", "{\"as_int\": 4611686018427387904}", "fit 64 bits");
  // Elements that all lie at the same place are bytes too, once copied.
  expectWeightError("\"sizes\": [{\"as_int\": 2}], \"strides\": [{\"as_int\": 1}]",
                    "\"sizes\": [{\"as_int\": 4294967296}, {\"as_int\": 4294967296}], "
                    "\"strides\": [{\"as_int\": 0}, {\"as_int\": 0}]",
                    "fit 64 bits");
  expectWeightError("{\"as_int\": 2}", "{\"as_expr\": {\"expr_str\": \"Symbol('s0')\", \"hint\": null}}",
                    "not constants");
  expectWeightError("\"sizes\": [{\"as_int\": 2}], \"strides\": [{\"as_int\": 1}]",
                    "\"sizes\": [{\"as_int\": 4294967296}], \"strides\": [{\"as_int\": 0}]", "fit 64 bits");
}

TEST(ExportedProgram, RandomEditsNeverCrash) {
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  mlir::ScopedDiagnosticHandler quiet(&context, [](mlir::Diagnostic &) { return mlir::success(); });
  const std::string good = Model().write();
  std::mt19937 random(7);
  unsigned refused = 0;
  for (unsigned round = 0; round < 2000; ++round) {
    std::string bytes = good;
    for (unsigned edits = 1 + random() % 3; edits > 0; --edits)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    CaptureResult result = read(bytes);
    if (!result || !importProgram(*result.program, context))
      ++refused;
    EXPECT_TRUE(result || !result.errors.empty());
  }
  EXPECT_GT(refused, 1000u);
}

/// Edits of the JSON alone, under a right checksum: they reach the importer.
TEST(ExportedProgram, RandomEditsOfTheGraphNeverCrash) {
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  mlir::ScopedDiagnosticHandler quiet(&context, [](mlir::Diagnostic &) { return mlir::success(); });
  std::mt19937 random(8);
  const char alphabet[] = "0123456789{}[]\",:abpwxs_-.";
  unsigned imported = 0;
  for (unsigned round = 0; round < 2000; ++round) {
    Model model;
    std::string &text = round % 4 == 0 ? model.weights : model.model;
    text[random() % text.size()] = alphabet[random() % (sizeof(alphabet) - 1)];
    CaptureResult result = read(model.write());
    if (result && importProgram(*result.program, context))
      ++imported;
  }
  EXPECT_GT(imported, 0u);
  EXPECT_LT(imported, 2000u);
}
