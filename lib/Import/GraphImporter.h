//===- GraphImporter.h - nodes of a captured graph as torch ops ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_GRAPHIMPORTER_H
#define TORCHC_LIB_IMPORT_GRAPHIMPORTER_H

#include "OperatorSchemas.h"

#include "torchc/Dialect/Torch/IR/TorchDialect.h"
#include "torchc/Import/CapturedProgram.h"
#include "torchc/Support/ExitCode.h"

#include "mlir/IR/Builders.h"

namespace torchc {

/// What the names of one graph stand for.
struct Scope {
  llvm::StringMap<mlir::Value> values;
  /// The elements of lists of tensors, for "operator.getitem".
  llvm::StringMap<llvm::SmallVector<mlir::Value>> lists;
  llvm::StringMap<ValueType> types;
};

/// Appends the ops of a captured graph to a block.
class GraphImporter {
public:
  /// With `isMutable` tensors are `!torch.tensor`, else `!torch.vtensor`.
  GraphImporter(mlir::OpBuilder &builder, bool isMutable) : builder(builder), isMutable(isMutable) {}

  /// Builds the nodes of `graph`, whose inputs `scope` has already, and adds
  /// the names that they define.
  mlir::LogicalResult importNodes(const CapturedGraph &graph, Scope &scope);

  /// The value of an argument by its own kind: an int gives `!torch.int`.
  mlir::FailureOr<mlir::Value> importArgument(mlir::Location loc, const Argument &argument, const Scope &scope);

  /// The class of the failure that was diagnosed.
  ExitCode getFailure() const { return failureCode; }

private:
  using Values = llvm::SmallVector<mlir::Value>;

  mlir::LogicalResult importNode(const CapturedNode &node, Scope &scope);
  mlir::LogicalResult importInlinedGraph(const CapturedNode &node, const CapturedGraph &graph,
                                         llvm::ArrayRef<std::pair<std::string, Argument>> operands, Scope &scope);
  mlir::LogicalResult checkStrided(mlir::Location loc, const CapturedNode &node, const Scope &scope);
  // ControlFlow.cpp
  mlir::LogicalResult importCond(mlir::Location loc, const CapturedNode &node, Scope &scope);
  mlir::LogicalResult importWhileLoop(mlir::Location loc, const CapturedNode &node, Scope &scope);
  /// "higher_order.scan", and "higher_order.map_impl", a scan that carries nothing.
  mlir::LogicalResult importScan(mlir::Location loc, const CapturedNode &node, Scope &scope);
  mlir::FailureOr<const CapturedGraph *> getGraph(mlir::Location loc, const CapturedNode &node, size_t position);
  mlir::FailureOr<Values> importOperands(mlir::Location loc, const CapturedNode &node, size_t position,
                                         const Scope &scope);
  mlir::FailureOr<Values> importRegion(mlir::Location loc, const CapturedGraph &graph, mlir::ValueRange inputs);
  mlir::LogicalResult defineResults(mlir::Location loc, const CapturedNode &node, mlir::ValueRange results,
                                    Scope &scope);
  mlir::Value toValue(mlir::Location loc, mlir::Value value);
  mlir::Value toType(mlir::Location loc, mlir::Value value, mlir::Type type);
  mlir::Value toCondition(mlir::Location loc, mlir::Value value);

  mlir::LogicalResult importGetItem(mlir::Location loc, const CapturedNode &node, Scope &scope);
  // ScalarImport.cpp
  /// The value of an operator on numbers, "operator.add" say; null for an operator
  /// or operands that torchc does not know.
  mlir::Value createScalarOp(mlir::Location loc, llvm::StringRef target, mlir::ValueRange operands);
  mlir::Value toNumber(mlir::Location loc, mlir::Value number, llvm::StringRef kind);

  mlir::FailureOr<Values> importSchemaOperands(mlir::Location loc, const CapturedNode &node,
                                               llvm::ArrayRef<SchemaArgument> schema, const Scope &scope);
  mlir::FailureOr<Values> importPlainOperands(mlir::Location loc, const CapturedNode &node, const Scope &scope);
  mlir::LogicalResult createOp(mlir::Location loc, const CapturedNode &node, llvm::StringRef opName,
                               mlir::ValueRange operands, Scope &scope);
  mlir::LogicalResult define(mlir::Location loc, const CapturedValue &output, mlir::Value value, Scope &scope);

  /// The value of an argument where a schema wants `type`.
  mlir::FailureOr<mlir::Value> importAs(mlir::Location loc, const Argument &argument, llvm::StringRef type,
                                        int64_t listSize, const Scope &scope);
  mlir::FailureOr<mlir::Value> importList(mlir::Location loc, const Argument &argument, llvm::StringRef elementType,
                                          int64_t listSize, const Scope &scope);
  mlir::Value createList(mlir::Location loc, mlir::ValueRange elements, mlir::Type elementType);
  /// A number where a schema wants a tensor: 0-d, marked `torchc.wrapped_number`.
  mlir::Value wrapLiteral(mlir::Location loc, mlir::Attribute number);
  mlir::Value wrapComplex(mlir::Location loc, std::complex<double> number);
  /// A value tensor as graphs before Normalize have them.
  mlir::Value makeMutable(mlir::Location loc, mlir::Value tensor);
  mlir::Value wrapNumber(mlir::Location loc, mlir::Value number);
  mlir::Value createInt(mlir::Location loc, int64_t value);
  mlir::Value createFloat(mlir::Location loc, double value);
  mlir::Value createBool(mlir::Location loc, bool value);
  mlir::Value createString(mlir::Location loc, llvm::StringRef value);
  mlir::Value createNone(mlir::Location loc);
  mlir::Type getAnyTensorType();

  mlir::LogicalResult fail(mlir::Location loc, const llvm::Twine &message, ExitCode code = ExitCode::BadFile);

  mlir::OpBuilder &builder;
  bool isMutable;
  ExitCode failureCode = ExitCode::Success;
};

} // namespace torchc

#endif // TORCHC_LIB_IMPORT_GRAPHIMPORTER_H
