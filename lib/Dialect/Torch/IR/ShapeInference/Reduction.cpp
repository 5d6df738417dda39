//===- Reduction.cpp - result types of reductions ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Inference.h"

using namespace mlir;
using namespace torchc::torch;

/// The shape of `self` without `dims`, or with size 1 there; nullopt where
/// the rank, the dims or `keepdim` are not known.
static Shape reduce(Value self, Value dims, Value keepdim) {
  Shape shape = getShape(self);
  auto keep = getConstantBool(keepdim);
  if (!shape || !keep)
    return std::nullopt;
  int64_t rank = shape->size();
  std::optional<SmallVector<int64_t>> reduced;
  if (isa<IntType>(dims.getType())) {
    auto dim = getConstantInt(dims);
    auto wrapped = dim ? wrapDim(*dim, rank) : std::nullopt;
    if (!wrapped)
      return std::nullopt;
    reduced.emplace({*wrapped});
  } else {
    reduced = getReducedDims(dims, rank);
  }
  if (!reduced)
    return std::nullopt;
  SmallVector<int64_t> sizes;
  for (auto [dim, size] : llvm::enumerate(*shape)) {
    if (!llvm::is_contained(*reduced, static_cast<int64_t>(dim)))
      sizes.push_back(size);
    else if (*keep)
      sizes.push_back(1);
  }
  return sizes;
}

/// The accumulator of integers is si64, unless the op names a dtype.
static Type getAccumulatorDtype(Value self, Value code) {
  Type dtype = getDtype(self);
  return getDtypeOr(code, dtype ? getSumDtype(dtype) : Type());
}

/// any and all of ui8 are ui8, else bool.
static Type getPredicateDtype(Value self) {
  Type dtype = getDtype(self);
  if (!dtype)
    return {};
  return dtype.isUnsignedInteger(8) ? dtype : IntegerType::get(dtype.getContext(), 1);
}

static Type getIndexDtype(Value self) { return IntegerType::get(self.getContext(), 64, IntegerType::Signed); }

static Type getFloatDtypeOf(Value self) {
  Type dtype = getDtype(self);
  return dtype ? getFloatDtype(dtype) : Type();
}

template <typename Op> static Types inferSumOver(typename Op::Adaptor op) {
  return tensorOf(reduce(op.getSelf(), op.getDim(), op.getKeepdim()), getAccumulatorDtype(op.getSelf(), op.getDtype()));
}
template <typename Op> static Types inferSumOfAll(typename Op::Adaptor op) {
  return tensorOf(SmallVector<int64_t>(), getAccumulatorDtype(op.getSelf(), op.getDtype()));
}
template <typename Op> static Types inferLikeSelfOver(typename Op::Adaptor op) {
  return tensorOf(reduce(op.getSelf(), op.getDim(), op.getKeepdim()), getDtype(op.getSelf()));
}
template <typename Op> static Types inferPredicateOver(typename Op::Adaptor op) {
  return tensorOf(reduce(op.getSelf(), op.getDim(), op.getKeepdim()), getPredicateDtype(op.getSelf()));
}
template <typename Op> static Types inferIndexOver(typename Op::Adaptor op) {
  return tensorOf(reduce(op.getSelf(), op.getDim(), op.getKeepdim()), getIndexDtype(op.getSelf()));
}
template <typename Op> static Types inferValueAndIndexOver(typename Op::Adaptor op) {
  Shape shape = reduce(op.getSelf(), op.getDim(), op.getKeepdim());
  return concat({tensorOf(shape, getDtype(op.getSelf())), tensorOf(shape, getIndexDtype(op.getSelf()))});
}

/// Over all elements; a second operand `unbiased` has no part in the type.
static Types inferLikeSelfOfAll(ValueRange operands) {
  return tensorOf(SmallVector<int64_t>(), getDtype(operands.front()));
}
static Types inferPredicateOfAll(ValueRange operands) {
  return tensorOf(SmallVector<int64_t>(), getPredicateDtype(operands.front()));
}

void torchc::torch::addReductionInference(InferenceTable &table) {
  table.add<AtenSumDimIntListOp>(inferSumOver<AtenSumDimIntListOp>);
  table.add<AtenProdDimIntOp>(inferSumOver<AtenProdDimIntOp>);
  table.add<AtenSumOp>(inferSumOfAll<AtenSumOp>);
  table.add<AtenProdOp>(inferSumOfAll<AtenProdOp>);
  table.add<AtenMeanDimOp>([](AtenMeanDimOp::Adaptor op) {
    return tensorOf(reduce(op.getSelf(), op.getDim(), op.getKeepdim()),
                    getDtypeOr(op.getDtype(), getDtype(op.getSelf())));
  });
  table.add<AtenMeanOp>([](AtenMeanOp::Adaptor op) {
    return tensorOf(SmallVector<int64_t>(), getDtypeOr(op.getDtype(), getDtype(op.getSelf())));
  });
  table.add<AtenAmaxOp>(inferLikeSelfOver<AtenAmaxOp>);
  table.add<AtenAminOp>(inferLikeSelfOver<AtenAminOp>);
  table.add<AtenVarCorrectionOp>(inferLikeSelfOver<AtenVarCorrectionOp>);
  table.add<AtenVarDimOp>(inferLikeSelfOver<AtenVarDimOp>);
  table.add<AtenStdCorrectionOp>(inferLikeSelfOver<AtenStdCorrectionOp>);
  table.add<AtenStdDimOp>(inferLikeSelfOver<AtenStdDimOp>);
  table.add<AtenVarMeanCorrectionOp>([](AtenVarMeanCorrectionOp::Adaptor op) {
    Types one = tensorOf(reduce(op.getSelf(), op.getDim(), op.getKeepdim()), getDtype(op.getSelf()));
    return concat({one, one});
  });
  table.add<AtenAnyDimOp>(inferPredicateOver<AtenAnyDimOp>);
  table.add<AtenAllDimOp>(inferPredicateOver<AtenAllDimOp>);
  table.add<AtenAnyDimsOp>(inferPredicateOver<AtenAnyDimsOp>);
  table.add<AtenAllDimsOp>(inferPredicateOver<AtenAllDimsOp>);
  table.add<AtenArgmaxOp>(inferIndexOver<AtenArgmaxOp>);
  table.add<AtenArgminOp>(inferIndexOver<AtenArgminOp>);
  table.add<AtenMaxDimOp>(inferValueAndIndexOver<AtenMaxDimOp>);
  table.add<AtenMinDimOp>(inferValueAndIndexOver<AtenMinDimOp>);
  table.addAll<AtenMaxOp, AtenMinOp, AtenVarOp>(inferLikeSelfOfAll);
  table.addAll<AtenAnyOp, AtenAllOp>(inferPredicateOfAll);
  table.add<AtenCumsumOp>([](AtenCumsumOp::Adaptor op) {
    return tensorOf(getShape(op.getSelf()), getAccumulatorDtype(op.getSelf(), op.getDtype()));
  });
  table.add<AtenCumprodOp>([](AtenCumprodOp::Adaptor op) {
    return tensorOf(getShape(op.getSelf()), getAccumulatorDtype(op.getSelf(), op.getDtype()));
  });
  table.add<AtenLogsumexpOp>([](AtenLogsumexpOp::Adaptor op) {
    return tensorOf(reduce(op.getSelf(), op.getDim(), op.getKeepdim()), getFloatDtypeOf(op.getSelf()));
  });
  table.add<AtenLinalgVectorNormOp>([](AtenLinalgVectorNormOp::Adaptor op) {
    return tensorOf(reduce(op.getSelf(), op.getDim(), op.getKeepdim()),
                    getDtypeOr(op.getDtype(), getFloatDtypeOf(op.getSelf())));
  });
  table.add<AtenNormScalarOptDimOp>([](AtenNormScalarOptDimOp::Adaptor op) {
    return tensorOf(reduce(op.getSelf(), op.getDim(), op.getKeepdim()), getFloatDtypeOf(op.getSelf()));
  });
}
