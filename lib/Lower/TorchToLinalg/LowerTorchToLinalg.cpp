//===- LowerTorchToLinalg.cpp - torch dialect to linalg on tensors ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"
#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"
#include "torchc/Dialect/Torch/IR/TorchName.h"
#include "torchc/Lower/Passes.h"
#include "torchc/Support/UnsupportedOps.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Func/Transforms/FuncConversions.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace torchc {
#define GEN_PASS_DEF_LOWERTORCHTOLINALG
#include "torchc/Lower/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

namespace {
struct LowerTorchToLinalg : torchc::impl::LowerTorchToLinalgBase<LowerTorchToLinalg> {
  void runOnOperation() override;
};
} // namespace

/// Tensors become builtin tensors, numbers i64, f64 and i1. Lists, None and
/// strings keep their types: the lowerings of their users look at what built them.
static void addTypeConversions(TypeConverter &types) {
  types.addConversion([](Type type) { return type; });
  types.addConversion([](ValueTensorType type) -> std::optional<Type> {
    if (!type.hasRank() || !type.hasDtype())
      return std::nullopt;
    return cast<BaseTensorType>(Type(type)).toBuiltinTensor();
  });
  types.addConversion([](torch::IntType type) -> Type { return IntegerType::get(type.getContext(), 64); });
  types.addConversion([](torch::FloatType type) -> Type { return Float64Type::get(type.getContext()); });
  types.addConversion([](torch::BoolType type) -> Type { return IntegerType::get(type.getContext(), 1); });
  // Lists stay until all their users are gone; meanwhile casts hold them together.
  auto cast = [](OpBuilder &builder, Type type, ValueRange inputs, Location loc) -> Value {
    return UnrealizedConversionCastOp::create(builder, loc, type, inputs).getResult(0);
  };
  types.addSourceMaterialization(cast);
  types.addTargetMaterialization(cast);
}

/// Whether the types of all values at the op are those of this stage's output.
static bool hasConvertedTypes(const TypeConverter &types, Operation *op) {
  if (auto function = dyn_cast<func::FuncOp>(op))
    return types.isSignatureLegal(function.getFunctionType());
  if (auto global = dyn_cast<ml_program::GlobalOp>(op))
    return types.isLegal(global.getType());
  return types.isLegal(op);
}

/// Floats that the caller passes or gets become tensors of rank 0: what is computed
/// with them is computed in kernels, which take and give tensors.
static void boxFloats(func::FuncOp function) {
  if (function.isExternal())
    return;
  auto box = [](Type type) -> Type { return isa<mlir::FloatType>(type) ? RankedTensorType::get({}, type) : type; };
  OpBuilder builder = OpBuilder::atBlockBegin(&function.getBody().front());
  for (BlockArgument argument : function.getArguments()) {
    if (!isa<mlir::FloatType>(argument.getType()))
      continue;
    argument.setType(box(argument.getType()));
    auto number = tensor::ExtractOp::create(builder, argument.getLoc(), argument, ValueRange());
    argument.replaceAllUsesExcept(number, number);
  }
  function.walk([&](func::ReturnOp op) {
    builder.setInsertionPoint(op);
    for (OpOperand &operand : op->getOpOperands())
      if (auto type = dyn_cast<RankedTensorType>(box(operand.get().getType())); type && type != operand.get().getType())
        operand.set(tensor::FromElementsOp::create(builder, op.getLoc(), type, operand.get()));
  });
  function.setType(FunctionType::get(function.getContext(), function.getBody().getArgumentTypes(),
                                     llvm::map_to_vector(function.getResultTypes(), box)));
}

/// Erases constants, lists and casts without users.
static void eraseUnused(ModuleOp module) {
  SmallVector<Operation *> candidates;
  module.walk([&](Operation *op) {
    if (isa<TorchDialect>(op->getDialect()) || isa<UnrealizedConversionCastOp>(op))
      candidates.push_back(op);
  });
  for (Operation *op : llvm::reverse(candidates))
    if (isOpTriviallyDead(op))
      op->erase();
}

/// Says of every op that is left which one it is and why. A container or a
/// constant is left only because its user is, a terminator because its parent is.
static LogicalResult reportRefusals(ModuleOp module, const LoweringContext &context) {
  UnsupportedOps unsupported, containers;
  module.walk([&](Operation *op) {
    if (!isa<TorchDialect>(op->getDialect()) && !isa<UnrealizedConversionCastOp>(op))
      return;
    bool isContainer = op->hasTrait<OpTrait::ConstantLike>() || op->hasTrait<OpTrait::IsTerminator>() ||
                       isa<PrimListConstructOp, UnrealizedConversionCastOp>(op);
    auto reason = context.refusals.find(op);
    if (isContainer)
      containers.add(getTorchName(op), op->getLoc(), "no value of this kind outlives the Lower stage");
    else
      unsupported.add(getTorchName(op), op->getLoc(),
                      reason == context.refusals.end() ? "no lowering to linalg" : reason->second);
  });
  return success(succeeded(unsupported.report()) && succeeded(containers.report()));
}

void LowerTorchToLinalg::runOnOperation() {
  ModuleOp module = getOperation();
  LoweringContext context;
  addTypeConversions(context.types);

  RewritePatternSet patterns(&getContext());
  populateProgramPatterns(patterns, context);
  populateElementwiseArithmeticPatterns(patterns, context);
  populateElementwiseMathPatterns(patterns, context);
  populateElementwiseBesselPatterns(patterns, context);
  populateElementwiseSpecialPatterns(patterns, context);
  populateElementwiseActivationPatterns(patterns, context);
  populateElementwiseComparisonPatterns(patterns, context);
  populateRandomPatterns(patterns, context);
  populateReductionPatterns(patterns, context);
  populateReductionRunningPatterns(patterns, context);
  populateContractionPatterns(patterns, context);
  populateConvolutionPatterns(patterns, context);
  populatePoolingPatterns(patterns, context);
  populateLinearAlgebraFactorizationPatterns(patterns, context);
  populateLinearAlgebraJacobiPatterns(patterns, context);
  populateLinearAlgebraSolvePatterns(patterns, context);
  populateNormalizationPatterns(patterns, context);
  populateShapeViewPatterns(patterns, context);
  populateShapeCopyPatterns(patterns, context);
  populateIndexingSlicePatterns(patterns, context);
  populateIndexingGatherPatterns(patterns, context);
  populateIndexingNonzeroPatterns(patterns, context);
  populateIndexingScatterPatterns(patterns, context);
  populateControlFlowPatterns(patterns, context);
  populateCreationPatterns(patterns, context);
  populateScalarPatterns(patterns, context);
  populateSortPatterns(patterns, context);
  populateFunctionOpInterfaceTypeConversionPattern<func::FuncOp>(patterns, context.types);
  populateReturnOpTypeConversionPattern(patterns, context.types);
  populateCallOpTypeConversionPattern(patterns, context.types);

  // An op of the torch dialect that has no lowering stays, so that one run
  // reports them all.
  ConversionTarget target(getContext());
  target.addLegalDialect<dispatch::DispatchDialect, arith::ArithDialect, cf::ControlFlowDialect, linalg::LinalgDialect,
                         math::MathDialect, scf::SCFDialect, tensor::TensorDialect>();
  target.addLegalOp<ModuleOp, UnrealizedConversionCastOp>();
  target.addDynamicallyLegalDialect<func::FuncDialect, ml_program::MLProgramDialect>(
      [&](Operation *op) { return hasConvertedTypes(context.types, op); });
  if (failed(applyPartialConversion(module, target, std::move(patterns))))
    return signalPassFailure();

  for (auto function : module.getOps<func::FuncOp>())
    boxFloats(function);
  eraseUnused(module);
  if (failed(reportRefusals(module, context)))
    signalPassFailure();
}
