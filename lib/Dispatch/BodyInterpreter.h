//===- BodyInterpreter.h - runs the scalar body of an op, many points at a time ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_DISPATCH_BODYINTERPRETER_H
#define TORCHC_LIB_DISPATCH_BODYINTERPRETER_H

#include "ConstantTensor.h"

#include "mlir/IR/Block.h"

#include <vector>

namespace torchc {

/// The body of a linalg op as a list of instructions. A register holds the values
/// of a scalar at up to kPoints points of the op's loops, so that the choice of
/// the operation is made once for all of them.
class BodyInterpreter {
public:
  static constexpr int64_t kPoints = 512;

  /// Whether `compile` takes the body: arith and math ops, loop indices, assertions, and
  /// elements of tensors that `isConstant` holds for.
  static bool canCompile(mlir::Block &body, llvm::function_ref<bool(mlir::Value)> isConstant);

  /// `getTensor` gives the tensors of which the body extracts elements.
  BodyInterpreter(mlir::Block &body, llvm::function_ref<ConstantTensor(mlir::Value)> getTensor);

  /// The values of an argument at the current points, to be set before `run`.
  llvm::MutableArrayRef<Cell> getArgument(unsigned number) { return registers[number]; }
  /// What the body yields; rounded to its type.
  llvm::ArrayRef<Cell> getYielded(unsigned number) const { return registers[yielded[number]]; }

  /// Runs the first `count` points, of which the loops start at `loops`; along
  /// `lanesLoop` the point is the start plus its number. Fails where an element
  /// beyond a tensor's end is asked for, an integer is divided by zero, or what is asserted does not hold.
  mlir::LogicalResult run(int64_t count, llvm::ArrayRef<int64_t> loops, int64_t lanesLoop);

private:
  struct Instruction {
    /// Null for `linalg.index`, `tensor.extract` and `cf.assert`.
    Cell (*function)(Cell, Cell, Cell) = nullptr;
    llvm::SmallVector<unsigned> operands;
    unsigned result = 0;
    mlir::Type type;           ///< That the result is rounded to.
    unsigned unsignedBits = 0; ///< Operands are unsigned integers of so many bits.
    bool divides = false;      ///< The second operand may not be 0.
    int64_t loop = -1;         ///< linalg.index
    int64_t tensor = -1;       ///< tensor.extract
    bool asserts = false;      ///< cf.assert: the only operand may not be 0.
  };

  unsigned getRegister(mlir::Value value);
  mlir::LogicalResult execute(const Instruction &instruction, int64_t count, llvm::ArrayRef<int64_t> loops,
                              int64_t lanesLoop);

  std::vector<std::vector<Cell>> registers;
  llvm::DenseMap<mlir::Value, unsigned> numbers;
  std::vector<Instruction> instructions;
  std::vector<ConstantTensor> tensors;
  llvm::SmallVector<unsigned> yielded;
};

/// The value of a constant scalar, if it has a type that cells can hold.
std::optional<Cell> getConstantCell(mlir::Value scalar);
std::optional<Cell> getConstantCell(mlir::Attribute scalar);

} // namespace torchc

#endif // TORCHC_LIB_DISPATCH_BODYINTERPRETER_H
