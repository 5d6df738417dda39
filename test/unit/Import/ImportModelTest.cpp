//===- ImportModelTest.cpp - models exported by torch, read and imported ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs the Python of the build to export the models of test/EndToEnd/export.py
// into a folder of its own, once for all tests.
//
//===----------------------------------------------------------------------===//

#include "torchc/Dialect/Torch/IR/TorchDialect.h"
#include "torchc/Import/Import.h"
#include "torchc/Pipeline/Pipeline.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/FileSystem.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace torchc;

namespace {

class ImportModelTest : public testing::Test {
protected:
  static void SetUpTestSuite() {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("torchc-import", folder));
    std::string command = std::string(TORCHC_PYTHON " " TORCHC_EXPORT_SCRIPT) + " --all -o " + folder.c_str() + " > " +
                          folder.c_str() + "/log 2>&1";
    exported = std::system(command.c_str()) == 0;
  }
  static void TearDownTestSuite() {
    if (!testing::UnitTest::GetInstance()->Failed())
      llvm::sys::fs::remove_directories(folder);
  }

  void SetUp() override {
    ASSERT_TRUE(exported) << "see " << folder.c_str() << "/log";
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  std::string path(StringRef name) { return (folder + "/" + name).str(); }
  ImportResult import(StringRef name) { return importModelFile(path(name), {}, context); }
  WeightStore &weights() { return context.getLoadedDialect<torch::TorchDialect>()->getWeights(); }

  static llvm::SmallString<128> folder;
  static bool exported;
  MLIRContext context{MLIRContext::Threading::DISABLED};
};
llvm::SmallString<128> ImportModelTest::folder;
bool ImportModelTest::exported = false;

func::FuncOp getForward(ModuleOp module) { return module.lookupSymbol<func::FuncOp>("forward"); }

/// The text of a function's signature attribute.
std::string getSignature(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << getForward(module)->getAttr("torchc.signature");
  return text;
}

template <typename Op> unsigned count(ModuleOp module) {
  unsigned number = 0;
  module.walk([&](Op) { ++number; });
  return number;
}

/// All ops known, every weight in the store under the type of its global.
void expectComplete(ModuleOp module, WeightStore &weights) {
  module.walk([](torch::OperatorOp op) { ADD_FAILURE() << "unknown op " << op.getName().str(); });
  for (auto global : module.getOps<ml_program::GlobalOp>()) {
    std::optional<Weight> weight = weights.lookup(global.getSymName());
    ASSERT_TRUE(weight.has_value()) << global.getSymName().str();
    EXPECT_EQ(weight->type, cast<torch::BaseTensorType>(global.getType()).toBuiltinTensor());
    EXPECT_EQ(static_cast<int64_t>(weight->bytes.size()),
              weight->type.getNumElements() * std::max(1u, weight->type.getElementTypeBitWidth() / 8));
  }
}

} // namespace

TEST_F(ImportModelTest, EveryModelImportsWhole) {
  for (const char *name :
       {"mlp", "in-place", "resnet18", "mobilenet-v2", "minilm", "bert", "bert-dynamic", "gpt2", "gpt2-dynamic"}) {
    SCOPED_TRACE(name);
    ImportResult result = import(std::string(name) + ".pt2");
    ASSERT_TRUE(result);
    EXPECT_TRUE(succeeded(verify(*result.module)));
    expectComplete(*result.module, weights());
  }
}

TEST_F(ImportModelTest, DynamicBatchIsASymbol) {
  ImportResult result = import("mlp.pt2");
  ASSERT_TRUE(result);
  func::FuncOp forward = getForward(*result.module);
  auto input = cast<torch::ValueTensorType>(forward.getArgumentTypes().front());
  EXPECT_EQ(input.getSizes(), (ArrayRef<int64_t>{ShapedType::kDynamic, 16}));
  auto symbols = (*result.module)->getAttrOfType<DictionaryAttr>("torchc.symbols");
  ASSERT_EQ(symbols.size(), 1u);
  EXPECT_EQ(symbols.begin()->getValue(), Builder(&context).getI64ArrayAttr({1, 64}));
  std::string dim = "dims = [\"" + symbols.begin()->getName().str() + "\", 16]";
  EXPECT_NE(getSignature(*result.module).find(dim), std::string::npos) << getSignature(*result.module);
}

TEST_F(ImportModelTest, LocationsAreFramesOfTheModel) {
  ImportResult result = import("mlp.pt2");
  ASSERT_TRUE(result);
  bool found = false;
  result.module->walk([&](torch::AtenLinearOp op) {
    op.getLoc()->walk([&](Location loc) {
      if (auto line = dyn_cast<FileLineColLoc>(loc))
        found |= line.getFilename().getValue().ends_with("models/mlp.py") && line.getLine() > 0;
      return WalkResult::advance();
    });
  });
  EXPECT_TRUE(found);
}

TEST_F(ImportModelTest, InPlaceOpsKeepMutableTensors) {
  ImportResult result = import("in-place.pt2");
  ASSERT_TRUE(result);
  EXPECT_TRUE(isa<torch::NonValueTensorType>(getForward(*result.module).getArgumentTypes().front()));
  EXPECT_EQ(count<torch::AtenRelu_Op>(*result.module), 1u);
  // 1 and 2.5 stand where the schemas say Tensor.
  unsigned wrapped = 0;
  result.module->walk([&](torch::ValueTensorLiteralOp op) { wrapped += op->hasAttr("torchc.wrapped_number"); });
  EXPECT_EQ(wrapped, 2u);
}

TEST_F(ImportModelTest, TiedWeightsAreOneGlobal) {
  ImportResult result = import("gpt2.pt2");
  ASSERT_TRUE(result);
  unsigned tables = 0;
  for (auto global : result.module->getOps<ml_program::GlobalOp>())
    tables += cast<torch::ValueTensorType>(global.getType()).getSizes() == ArrayRef<int64_t>{99, 32};
  EXPECT_EQ(tables, 1u);
}

/// State, strides, wrapped graphs, None and numbers in one module: see
/// `Mixed` of export.py.
TEST_F(ImportModelTest, StateAndStructure) {
  ImportResult result = import("mixed.pt2");
  ASSERT_TRUE(result);
  ModuleOp module = *result.module;
  expectComplete(module, weights());

  auto counter = module.lookupSymbol<ml_program::GlobalOp>("counter");
  ASSERT_TRUE(counter);
  EXPECT_TRUE(counter.getIsMutable());
  EXPECT_EQ(count<ml_program::GlobalStoreOp>(module), 1u);
  EXPECT_FALSE(module.lookupSymbol<ml_program::GlobalOp>("tied").getIsMutable());

  // Tied tensors go by the first name in the alphabet.
  // The weight is the transpose of [[0, 1, 2], [3, 4, 5]]: its rows are its columns.
  ArrayRef<uint8_t> bytes = weights().lookup("tied")->bytes;
  ArrayRef<float> values(reinterpret_cast<const float *>(bytes.data()), bytes.size() / sizeof(float));
  EXPECT_EQ(values, (ArrayRef<float>{0, 3, 1, 4, 2, 5}));

  std::string signature = getSignature(module);
  for (const char *part : {"name = \"k\", scalar", "fixed = true", "mutates = \"scratch\"", "leaf = 4"})
    EXPECT_NE(signature.find(part), std::string::npos) << part << " in " << signature;
  EXPECT_EQ(getForward(module).getNumArguments(), 4u);
  // product, halves, k + 1, batch // 2, and the input that was written.
  EXPECT_EQ(getForward(module).getNumResults(), 6u);
}

TEST_F(ImportModelTest, MutationsOfTheSignatureAreStores) {
  ImportResult result = import("mixed-functional.pt2");
  ASSERT_TRUE(result);
  EXPECT_TRUE(isa<torch::ValueTensorType>(getForward(*result.module).getArgumentTypes().front()));
  EXPECT_EQ(count<ml_program::GlobalStoreOp>(*result.module), 1u);
  EXPECT_NE(getSignature(*result.module).find("mutates = \"scratch\""), std::string::npos);
}

#ifdef TORCHC_TEST_TORCHSCRIPT
TEST_F(ImportModelTest, TorchScriptComesTheSameWay) {
  ImportOptions options;
  options.torchScript.inputs = {{ScalarType::Float, {InputShape::dynamic, 16}}};
  ImportResult result = importModelFile(path("mlp.pt"), options, context);
  ASSERT_TRUE(result);
  expectComplete(*result.module, weights());
  EXPECT_EQ(count<torch::AtenLinearOp>(*result.module), 3u);
  auto input = cast<torch::ValueTensorType>(getForward(*result.module).getArgumentTypes().front());
  EXPECT_EQ(input.getSizes(), (ArrayRef<int64_t>{ShapedType::kDynamic, 16}));
}
#endif

TEST_F(ImportModelTest, OtherFilesAreTypedErrors) {
  std::vector<std::string> messages;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    messages.push_back(diagnostic.str());
    return success();
  });
  EXPECT_EQ(import("none.pt2").code, ExitCode::InputOutput);
  EXPECT_EQ(importModelFile(folder, {}, context).code, ExitCode::InputOutput);
  EXPECT_EQ(import("checkpoint.pt").code, ExitCode::BadFile);
  EXPECT_NE(messages.back().find("torch.export.save"), std::string::npos) << messages.back();
  EXPECT_EQ(import("log").code, ExitCode::BadFile);
  ImportOptions options;
  options.torchScript.inputs.emplace_back();
  EXPECT_EQ(importModelFile(path("mlp.pt2"), options, context).code, ExitCode::Usage);
}
