//===- MatrixLoops.h - writes algorithms on the elements of matrices ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Algorithms read as they do in a book:
//
//   Place n = ...;
//   loops.forEach(0, n, [&](Place j) {
//     loops.ifThen(a(j, j) > 0, [&] { a.set(j, j, sqrt(a(j, j))); });
//   });
//
// and become the body of a `dispatch.batch`.
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_LOWER_TORCHTOLINALG_MATRIXLOOPS_H
#define TORCHC_LIB_LOWER_TORCHTOLINALG_MATRIXLOOPS_H

#include "Real.h"

namespace torchc {

/// An index, in whose arithmetic numbers may stand for indices.
class Place {
public:
  Place(mlir::ImplicitLocOpBuilder &b, mlir::Value value) : b(&b), value(value) {}

  mlir::Value get() const { return value; }
  friend Place operator+(Place x, Place y) { return {*x.b, mlir::arith::AddIOp::create(*x.b, x.value, y.value)}; }
  friend Place operator-(Place x, Place y) { return {*x.b, mlir::arith::SubIOp::create(*x.b, x.value, y.value)}; }
  friend Place operator+(Place x, int64_t y) { return x + x.number(y); }
  friend Place operator-(Place x, int64_t y) { return x - x.number(y); }
  friend Truth operator==(Place x, Place y) { return x.compare(mlir::arith::CmpIPredicate::eq, y); }
  friend Truth operator!=(Place x, Place y) { return x.compare(mlir::arith::CmpIPredicate::ne, y); }
  friend Truth operator<(Place x, Place y) { return x.compare(mlir::arith::CmpIPredicate::slt, y); }
  friend Truth operator>=(Place x, Place y) { return x.compare(mlir::arith::CmpIPredicate::sge, y); }
  Place min(Place other) const { return {*b, mlir::arith::MinSIOp::create(*b, value, other.value)}; }
  Place number(int64_t constant) const { return {*b, mlir::arith::ConstantIndexOp::create(*b, constant)}; }

private:
  Truth compare(mlir::arith::CmpIPredicate predicate, Place other) const {
    return {b, mlir::arith::CmpIOp::create(*b, predicate, value, other.value)};
  }

  mlir::ImplicitLocOpBuilder *b;
  mlir::Value value;
};

class MatrixLoops : public mlir::ImplicitLocOpBuilder {
public:
  /// A value that changes: a tensor that is written, or a scalar.
  using Variable = unsigned;

  /// The inits as `body` leaves them, which runs for each member of a batch of `count`. Variable i is
  /// init i, whose first dim is that of the batch.
  static llvm::SmallVector<mlir::Value> run(Lowering &b, mlir::OpFoldResult count, mlir::ValueRange inits,
                                            llvm::function_ref<void(MatrixLoops &)> body);

  /// A variable of the enclosing loop, branch or body.
  Variable declare(mlir::Value init);
  mlir::Value get(Variable variable) const { return state[variable]; }
  void set(Variable variable, mlir::Value value) { state[variable] = value; }

  Place at(int64_t index) { return {*this, mlir::arith::ConstantIndexOp::create(*this, index)}; }
  Place at(mlir::OpFoldResult index);
  Place getPlace(Variable variable) { return {*this, get(variable)}; }
  Real getReal(Variable variable) { return {*this, get(variable)}; }
  Real real(double value) { return {*this, mlir::arith::ConstantOp::create(*this, getF64FloatAttr(value))}; }

  /// For each index from `lower` to `upper` - 1.
  void forEach(Place lower, Place upper, llvm::function_ref<void(Place)> body);
  void forEach(int64_t lower, Place upper, llvm::function_ref<void(Place)> body) { forEach(at(lower), upper, body); }
  void ifThen(Truth condition, llvm::function_ref<void()> body);
  /// The sum of terms, which write nothing.
  Real sum(Place lower, Place upper, llvm::function_ref<Real(Place)> term);

  /// Elements of the batch's member.
  mlir::Value load(Variable tensor, llvm::ArrayRef<Place> indices);
  void store(mlir::Value value, Variable tensor, llvm::ArrayRef<Place> indices);
  /// The same of a tensor that is no variable.
  mlir::Value loadFrom(mlir::Value tensor, llvm::ArrayRef<Place> indices);

private:
  MatrixLoops(mlir::OpBuilder &b, mlir::Location loc, mlir::Value member)
      : ImplicitLocOpBuilder(loc, b), member(member) {}
  llvm::SmallVector<mlir::Value> getIndices(llvm::ArrayRef<Place> indices);

  mlir::Value member;
  llvm::SmallVector<mlir::Value> state;
};

/// A variable tensor of f64 matrices.
class Matrix {
public:
  Matrix(MatrixLoops &loops, MatrixLoops::Variable variable) : loops(loops), variable(variable) {}
  Real operator()(Place i, Place j) const { return {loops, loops.load(variable, {i, j})}; }
  void set(Place i, Place j, Real value) { loops.store(value.get(), variable, {i, j}); }
  /// (p, q) := (p cosine - q sine, p sine + q cosine) of two elements.
  void rotate(std::pair<Place, Place> p, std::pair<Place, Place> q, Real cosine, Real sine) {
    Real x = (*this)(p.first, p.second), y = (*this)(q.first, q.second);
    set(p.first, p.second, cosine * x - sine * y);
    set(q.first, q.second, sine * x + cosine * y);
  }
  void swap(std::pair<Place, Place> p, std::pair<Place, Place> q) {
    Real x = (*this)(p.first, p.second), y = (*this)(q.first, q.second);
    set(p.first, p.second, y);
    set(q.first, q.second, x);
  }

private:
  MatrixLoops &loops;
  MatrixLoops::Variable variable;
};

/// A variable tensor of f64 vectors.
class Vector {
public:
  Vector(MatrixLoops &loops, MatrixLoops::Variable variable) : loops(loops), variable(variable) {}
  Real operator()(Place i) const { return {loops, loops.load(variable, i)}; }
  void set(Place i, Real value) { loops.store(value.get(), variable, i); }

private:
  MatrixLoops &loops;
  MatrixLoops::Variable variable;
};

/// The f64 matrices that a tensor [..., rows, columns] stands for.
struct Matrices {
  mlir::Value tensor; ///< [count, rows, columns]
  llvm::SmallVector<mlir::OpFoldResult> batch;
  mlir::OpFoldResult count, rows, columns;
};

/// The matrices of a real tensor of two dims or more, transposed where asked for.
/// Computing in f64 costs scalar code nothing and keeps f32 results exact to rounding.
mlir::FailureOr<Matrices> getMatrices(Lowering &b, mlir::Value torchTensor, bool transposed = false);
/// The same, broadcast to `batch`.
mlir::FailureOr<Matrices> getMatrices(Lowering &b, mlir::Value torchTensor, llvm::ArrayRef<mlir::OpFoldResult> batch,
                                      bool transposed = false);

/// [count, ...] as [batch..., ...] in the dtype of a result of the op.
mlir::Value restoreBatch(Lowering &b, mlir::Value tensor, llvm::ArrayRef<mlir::OpFoldResult> batch,
                         mlir::Value torchResult);
/// Matrices whose element (i, j) is a function of its place, f64.
mlir::Value
createMatrices(Lowering &b, mlir::OpFoldResult count, mlir::OpFoldResult rows, mlir::OpFoldResult columns,
               llvm::function_ref<mlir::Value(mlir::ImplicitLocOpBuilder &, mlir::ValueRange indices)> function);

} // namespace torchc

#endif // TORCHC_LIB_LOWER_TORCHTOLINALG_MATRIXLOOPS_H
