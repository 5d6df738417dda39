//===- Complex.cpp - complex tensors as pairs of real ones ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Complex.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

Type torchc::getPartDtype(Type dtype) {
  auto complex = dyn_cast<ComplexType>(dtype);
  return complex ? complex.getElementType() : dtype;
}

Complex torchc::splitComplex(Value tensor, AtenBuilder &b) {
  BaseTensorType type = getTensorType(tensor);
  if (!isComplexDtype(type.getDtype()))
    return {tensor, {}};
  Value parts = b.create<AtenViewAsRealOp>(tensor);
  return {b.select(parts, type.getRank(), 0), b.select(parts, type.getRank(), 1)};
}

Value torchc::joinComplex(Complex parts, AtenBuilder &b) {
  BaseTensorType type = getTensorType(parts.re);
  int64_t rank = type.getRank();
  Value im = parts.im ? parts.im : b.full(b.sizes(parts.re), b.integer(0), type.getDtype());
  Value pairs = b.cat({b.unsqueeze(parts.re, rank), b.unsqueeze(im, rank)}, rank);
  return b.create<AtenViewAsComplexOp>(pairs);
}

Complex torchc::multiply(Complex x, Complex y, AtenBuilder &b) {
  Value re = b.mulTensors(x.re, y.re);
  if (x.im && y.im)
    return {b.subTensors(re, b.mulTensors(x.im, y.im)),
            b.addTensors(b.mulTensors(x.re, y.im), b.mulTensors(x.im, y.re))};
  if (y.im)
    std::swap(x, y);
  return {re, x.im ? b.mulTensors(x.im, y.re) : Value()};
}

Complex torchc::conjugate(Complex x, AtenBuilder &b) { return {x.re, x.im ? b.create<AtenNegOp>(x.im) : Value()}; }

Value torchc::buildConjugate(Value tensor, AtenBuilder &b) {
  Complex parts = splitComplex(tensor, b);
  return parts.im ? joinComplex(conjugate(parts, b), b) : tensor;
}
