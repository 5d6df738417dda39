//===- ContractionEinsum.cpp - decompositions of products over named dims ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

namespace {

/// A tensor whose dims have names; dims of an ellipsis are '0', '1', ... from the last one on.
struct Labelled {
  Value tensor;
  std::string labels;
};

} // namespace

static Value multiplySizes(Value tensor, ArrayRef<int64_t> dims, Decomposer &b) {
  Value product = b.integer(1);
  for (int64_t dim : dims)
    product = b.mul(product, b.size(tensor, dim));
  return product;
}

/// Sums of products over `summed`: both as [batch, free, summed], one product of
/// batches of matrices, then as [batch..., free of lhs..., free of rhs...].
static Labelled contract(const Labelled &lhs, const Labelled &rhs, StringRef summed, Decomposer &b) {
  auto isIn = [](StringRef labels, char label) { return labels.contains(label); };
  std::string batch, left, right, common;
  for (char label : lhs.labels)
    (isIn(summed, label) && isIn(rhs.labels, label) ? common : isIn(rhs.labels, label) ? batch : left) += label;
  for (char label : rhs.labels)
    if (!isIn(lhs.labels, label))
      right += label;
  SmallVector<Value> resultSizes;
  auto arrange = [&](const Labelled &operand, StringRef free, bool freeFirst) {
    SmallVector<int64_t> order, parts[3];
    auto append = [&](StringRef labels, SmallVector<int64_t> &part) {
      for (char label : labels) {
        part.push_back(operand.labels.find(label));
        order.push_back(part.back());
      }
    };
    append(batch, parts[0]);
    append(freeFirst ? free : StringRef(common), parts[1]);
    append(freeFirst ? StringRef(common) : free, parts[2]);
    SmallVector<Value> sizes;
    for (ArrayRef<int64_t> part : parts)
      sizes.push_back(multiplySizes(operand.tensor, part, b));
    if (freeFirst)
      for (int64_t dim : parts[0])
        resultSizes.push_back(b.size(operand.tensor, dim));
    for (int64_t dim : parts[freeFirst ? 1 : 2])
      resultSizes.push_back(b.size(operand.tensor, dim));
    return b.create<AtenReshapeOp>(b.permute(operand.tensor, order), b.list(sizes));
  };
  Value a = arrange(lhs, left, true), c = arrange(rhs, right, false);
  Value product = b.create<AtenBmmOp>(a, c);
  return {b.create<AtenReshapeOp>(product, b.list(resultSizes)), batch + left + right};
}

/// The labels of one operand, '...' as digits; a label that repeats takes the diagonal.
static FailureOr<Labelled> label(Value tensor, StringRef subscript, Decomposer &b) {
  std::string labels;
  size_t ellipsis = subscript.find("...");
  int64_t named = subscript.size() - (ellipsis == StringRef::npos ? 0 : 3);
  int64_t hidden = getRank(tensor) - named;
  if (hidden < 0 || (hidden > 0 && ellipsis == StringRef::npos) || hidden > 10)
    return b.unsupported("an equation that does not fit the ranks");
  for (size_t i = 0; i < subscript.size(); ++i) {
    if (i != ellipsis) {
      labels += subscript[i];
      continue;
    }
    for (int64_t dim = hidden - 1; dim >= 0; --dim)
      labels += static_cast<char>('0' + dim);
    i += 2;
  }
  for (size_t i = 0; i < labels.size(); ++i) {
    size_t again = labels.find(labels[i], i + 1);
    if (again == std::string::npos)
      continue;
    tensor = b.create<AtenDiagonalOp>(tensor, b.integer(0), b.integer(i), b.integer(again));
    labels += labels[i];
    labels.erase(again, 1);
    labels.erase(i, 1);
    --i;
  }
  return Labelled{tensor, labels};
}

static Value sumLabels(Labelled &operand, llvm::function_ref<bool(char)> isKept, Decomposer &b) {
  SmallVector<int64_t> dims;
  std::string kept;
  for (auto [dim, label] : llvm::enumerate(operand.labels)) {
    if (isKept(label))
      kept += label;
    else
      dims.push_back(dim);
  }
  if (!dims.empty())
    operand.tensor = b.sum(operand.tensor, dims, false);
  operand.labels = kept;
  return operand.tensor;
}

/// The operands are multiplied from left to right; what no later operand and not
/// the result names is summed up.
static FailureOr<Value> DecomposeAtenEinsum(AtenEinsumOp op, Decomposer &b) {
  auto equation = getConstantString(op.getEquation());
  auto tensors = getListElements(op.getTensors());
  if (!equation || !tensors || tensors->empty())
    return b.unsupported("an equation that is not constant, or a list of unknown length");
  std::string text;
  for (char c : *equation)
    if (!llvm::isSpace(c))
      text += c;
  auto [inputs, output] = StringRef(text).split("->");
  bool isExplicit = StringRef(text).contains("->");
  SmallVector<StringRef> subscripts;
  inputs.split(subscripts, ',');
  if (subscripts.size() != tensors->size())
    return b.unsupported("an equation of another number of operands");

  SmallVector<Labelled> operands;
  for (auto [tensor, subscript] : llvm::zip(*tensors, subscripts)) {
    if (!getTensorType(tensor).hasRank())
      return b.unsupported("a tensor of unknown rank");
    auto labelled = label(b.convert(tensor, getResultDtype(op)), subscript, b);
    if (failed(labelled))
      return failure();
    operands.push_back(*labelled);
  }
  std::string hidden, wanted;
  for (const Labelled &operand : operands)
    for (char c : operand.labels)
      if (llvm::isDigit(c) && !StringRef(hidden).contains(c))
        hidden += c;
  llvm::sort(hidden, std::greater<char>());
  if (isExplicit) {
    size_t ellipsis = output.find("...");
    wanted = ellipsis == StringRef::npos
                 ? output.str()
                 : (output.take_front(ellipsis) + hidden + output.drop_front(ellipsis + 3)).str();
  } else {
    // All that stand once, in the order of the alphabet.
    std::string all;
    for (StringRef subscript : subscripts)
      all += subscript.str();
    std::string once;
    for (char c : all)
      if (llvm::isAlpha(c) && llvm::count(all, c) == 1)
        once += c;
    llvm::sort(once);
    wanted = hidden + once;
  }

  // Dims of size 1 are repeated against those of other operands: they are left out.
  llvm::MapVector<char, bool> isLong;
  for (const Labelled &operand : operands)
    for (auto [dim, c] : llvm::enumerate(operand.labels))
      isLong[c] |= getTensorType(operand.tensor).getSizes()[dim] != 1;
  for (Labelled &operand : operands)
    for (size_t dim = operand.labels.size(); dim-- > 0;)
      if (isLong[operand.labels[dim]] && getTensorType(operand.tensor).getSizes()[dim] == 1) {
        operand.tensor = b.squeeze(operand.tensor, dim);
        operand.labels.erase(dim, 1);
      }

  Labelled result = operands.front();
  for (size_t i = 0; i < operands.size(); ++i) {
    auto isKept = [&](char c) {
      return StringRef(wanted).contains(c) ||
             llvm::any_of(ArrayRef(operands).drop_front(i + 1),
                          [&](const Labelled &later) { return StringRef(later.labels).contains(c); });
    };
    if (i > 0) {
      Labelled next = operands[i];
      // Sums of one operand alone come before the product.
      std::string common;
      for (char c : result.labels)
        if (!isKept(c))
          common += c;
      sumLabels(next, [&](char c) { return isKept(c) || StringRef(result.labels).contains(c); }, b);
      result = contract(result, next, common, b);
    }
    sumLabels(
        result,
        [&](char c) {
          return isKept(c) || (i == 0 && operands.size() > 1 && StringRef(operands[1].labels).contains(c));
        },
        b);
  }
  SmallVector<int64_t> order;
  for (char c : wanted)
    order.push_back(result.labels.find(c));
  return b.permute(result.tensor, order);
}

/// Sums over pairs of dims
static FailureOr<Value> DecomposeAtenTensordot(AtenTensordotOp op, Decomposer &b) {
  auto left = getConstantIntList(op.getDimsSelf()), right = getConstantIntList(op.getDimsOther());
  if (!left || !right || left->size() != right->size())
    return b.unsupported("dims that are not constant");
  Labelled lhs{op.getSelf(), ""}, rhs{op.getOther(), ""};
  for (int64_t dim = 0; dim < getRank(lhs.tensor); ++dim)
    lhs.labels += static_cast<char>('a' + dim);
  for (int64_t dim = 0; dim < getRank(rhs.tensor); ++dim)
    rhs.labels += static_cast<char>('A' + dim);
  std::string summed;
  for (auto [from, to] : llvm::zip(*left, *right)) {
    auto l = wrapDim(from, getRank(lhs.tensor)), r = wrapDim(to, getRank(rhs.tensor));
    if (!l || !r)
      return b.unsupported("a dim out of range");
    int64_t m = getTensorType(op.getSelf()).getSizes()[*l], n = getTensorType(op.getOther()).getSizes()[*r];
    // Where one side is 1, the other is summed up.
    auto sumUp = [&](Value &tensor, int64_t dim) {
      tensor = b.convert(b.sum(tensor, {dim}, true), getTensorType(tensor).getDtype());
    };
    if (m == 1 && n != 1)
      sumUp(rhs.tensor, *r);
    else if (n == 1 && m != 1)
      sumUp(lhs.tensor, *l);
    else if (m != n)
      return b.unsupported("dims of different sizes");
    rhs.labels[*r] = lhs.labels[*l];
    summed += lhs.labels[*l];
  }
  return contract(lhs, rhs, summed, b).tensor;
}

/// Sums of products over the last dims
static FailureOr<Value> DecomposeAtenInner(AtenInnerOp op, Decomposer &b) {
  int64_t left = getRank(op.getSelf()), right = getRank(op.getOther());
  if (left == 0 || right == 0)
    return b.mulTensors(op.getSelf(), op.getOther());
  return b.createAs<AtenTensordotOp>(op.getType(), op.getSelf(), op.getOther(), b.list(ArrayRef<int64_t>{left - 1}),
                                     b.list(ArrayRef<int64_t>{right - 1}));
}

/// Every element of one times every element of the other, dim by dim
static FailureOr<Value> DecomposeAtenKron(AtenKronOp op, Decomposer &b) {
  Value x = op.getSelf(), y = op.getOther();
  int64_t rank = std::max(getRank(x), getRank(y));
  for (Value *tensor : {&x, &y})
    while (getRank(*tensor) < rank)
      *tensor = b.unsqueeze(*tensor, 0);
  SmallVector<Value> left, right, joined;
  for (int64_t dim = 0; dim < rank; ++dim) {
    llvm::append_values(left, b.size(x, dim), b.integer(1));
    llvm::append_values(right, b.integer(1), b.size(y, dim));
    joined.push_back(b.mul(b.size(x, dim), b.size(y, dim)));
  }
  Value product = b.mulTensors(b.create<AtenReshapeOp>(x, b.list(left)), b.create<AtenReshapeOp>(y, b.list(right)));
  return b.create<AtenReshapeOp>(product, b.list(joined));
}

/// x1 [.., i] W [o, i, j] x2 [.., j] + bias
static FailureOr<Value> DecomposeAtenBilinear(AtenBilinearOp op, Decomposer &b) {
  Value x1 = op.getInput1(), x2 = op.getInput2(), weight = op.getWeight();
  Value outputs = b.size(weight, 0), rows = b.size(weight, 1), columns = b.size(weight, 2);
  Value flat = b.create<AtenReshapeOp>(b.permute(weight, {1, 0, 2}), b.list({rows, b.mul(outputs, columns)}));
  Value left = b.create<AtenMatmulOp>(x1, flat);
  SmallVector<Value> sizes = b.sizes(x1);
  sizes.back() = outputs;
  sizes.push_back(columns);
  left = b.create<AtenReshapeOp>(left, b.list(sizes));
  Value result = b.sum(b.mulTensors(left, b.unsqueeze(x2, -2)), {-1}, false);
  result = b.convert(result, getResultDtype(op));
  return isNone(op.getBias()) ? result : b.addTensors(result, op.getBias());
}

/// The sum over some dims of x1 x2 x3, each of which has new dims of size 1 at some places
static FailureOr<Value> DecomposeAten_Trilinear(Aten_TrilinearOp op, Decomposer &b) {
  auto summed = getConstantIntList(op.getSumdim());
  Value product;
  for (auto [x, list] :
       {std::pair(op.getI1(), op.getExpand1()), {op.getI2(), op.getExpand2()}, {op.getI3(), op.getExpand3()}}) {
    auto places = getConstantIntList(list);
    if (!places || !summed)
      return b.unsupported("dims that are not constant");
    Value factor = x;
    llvm::sort(*places);
    for (int64_t place : *places)
      factor = b.unsqueeze(factor, place);
    product = product ? b.mulTensors(product, factor) : factor;
  }
  return b.sum(product, *summed, /*keepdim=*/false);
}

/// The product of matrices, from left to right
static FailureOr<Value> buildProduct(Value list, Decomposer &b) {
  auto tensors = getListElements(list);
  if (!tensors || tensors->empty())
    return b.unsupported("a list of unknown length");
  Value product = tensors->front();
  for (Value tensor : ArrayRef<Value>(*tensors).drop_front())
    product = b.create<AtenMatmulOp>(product, tensor);
  return product;
}
static FailureOr<Value> DecomposeAtenLinalgMultiDot(AtenLinalgMultiDotOp op, Decomposer &b) {
  return buildProduct(op.getTensors(), b);
}
static FailureOr<Value> DecomposeAtenChainMatmul(AtenChainMatmulOp op, Decomposer &b) {
  return buildProduct(op.getMatrices(), b);
}

/// A^n by squaring; A^0 is the identity
static FailureOr<Value> DecomposeAtenLinalgMatrixPower(AtenLinalgMatrixPowerOp op, Decomposer &b) {
  auto n = getConstantInt(op.getN());
  if (!n)
    return b.unsupported("an exponent that is not constant");
  Value base = op.getSelf();
  Type dtype = getResultDtype(op);
  if (*n == 0) {
    Value steps = b.range(b.size(base, -1));
    Value identity = b.convert(b.create<AtenEqTensorOp>(b.unsqueeze(steps, 1), steps), dtype);
    return b.expand(identity, b.sizes(base));
  }
  if (*n < 0)
    base = b.createAs<AtenLinalgInvOp>(base.getType(), base);
  Value power;
  for (uint64_t rest = std::abs(*n); rest != 0; rest >>= 1) {
    if (rest & 1)
      power = power ? b.create<AtenMatmulOp>(power, base) : base;
    if (rest > 1)
      base = b.create<AtenMatmulOp>(base, base);
  }
  return power;
}

/// exp(A) = exp(A / 2^16)^(2^16): the series, squared again and again; in f64, which
/// the squarings ask for.
template <typename Op> static FailureOr<Value> decomposeMatrixExp(Op op, Decomposer &b) {
  constexpr int64_t kSquarings = 16, kTerms = 9;
  Type dtype = getResultDtype(op), f64 = promoteDtypes(dtype, b.getBuilder().getF64Type());
  Value scaled = b.mulNumber(b.convert(op.getSelf(), f64), std::ldexp(1.0, -kSquarings));
  Value steps = b.range(b.size(scaled, -1));
  Value identity = b.convert(b.create<AtenEqTensorOp>(b.unsqueeze(steps, 1), steps), f64);
  // exp(A) - 1 is kept, so that its small elements stay exact: (1 + E)^2 - 1 = 2 E + E E.
  Value rest = b.mulNumber(scaled, 1.0 / kTerms);
  for (int64_t i = kTerms - 1; i >= 1; --i)
    rest = b.mulNumber(b.create<AtenMatmulOp>(scaled, b.addTensors(identity, rest)), 1.0 / static_cast<double>(i));
  for (int64_t i = 0; i < kSquarings; ++i)
    rest = b.addTensors(b.mulNumber(rest, 2), b.create<AtenMatmulOp>(rest, rest));
  return b.convert(b.addTensors(rest, identity), dtype);
}
static FailureOr<Value> DecomposeAtenMatrixExp(AtenMatrixExpOp op, Decomposer &b) { return decomposeMatrixExp(op, b); }
static FailureOr<Value> DecomposeAtenLinalgMatrixExp(AtenLinalgMatrixExpOp op, Decomposer &b) {
  return decomposeMatrixExp(op, b);
}

void torchc::populateContractionEinsumPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenEinsum, DecomposeAtenTensordot, DecomposeAtenInner, DecomposeAtenKron,
                    DecomposeAtenBilinear, DecomposeAten_Trilinear, DecomposeAtenLinalgMultiDot,
                    DecomposeAtenChainMatmul, DecomposeAtenLinalgMatrixPower,
                    decomposeAs<AtenLinalgMatrixPowerOp, AtenMatrixPowerOp>, DecomposeAtenMatrixExp,
                    DecomposeAtenLinalgMatrixExp);
}
