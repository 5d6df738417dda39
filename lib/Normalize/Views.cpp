//===- Views.cpp - view ops as steps that can be taken anew and undone ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Views.h"

#include "torchc/Dialect/Torch/IR/Aliasing.h"
#include "torchc/Dialect/Torch/IR/ShapeInference.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

static ValueTensorType getValueType(Type type) { return cast<BaseTensorType>(type).getValueType(); }

Aliasing torchc::getAliasing(Operation *op) {
  auto tensorType = [](Value value) { return dyn_cast<BaseTensorType>(value.getType()); };
  // A conversion that converts nothing returns its operand, unless told to copy.
  auto conversion = [&](auto to) {
    BaseTensorType from = tensorType(to.getSelf()), into = tensorType(to.getResult());
    auto copy = getConstantBool(to.getCopy());
    if (!from.hasDtype() || !into.hasDtype() || !copy || (!*copy && !isNone(to.getMemoryFormat())))
      return Aliasing::Unknown;
    return *copy || from.getDtype() != into.getDtype() ? Aliasing::None : Aliasing::Same;
  };
  // Outside of training, dropout returns its operand.
  auto dropout = [&](auto dropout) {
    return getConstantBool(dropout.getTrain()) == false ? Aliasing::Same : Aliasing::None;
  };
  if (auto isView = op->getAttrOfType<BoolAttr>(kIsViewAttr))
    return isView.getValue() ? Aliasing::View : Aliasing::None;
  return llvm::TypeSwitch<Operation *, Aliasing>(op)
      .Case<AtenToDtypeOp, AtenToDeviceOp, AtenToDtypeLayoutOp, AtenToOtherOp>(conversion)
      .Case<AtenDropoutOp, AtenAlphaDropoutOp, AtenFeatureDropoutOp, AtenFeatureAlphaDropoutOp>(dropout)
      .Case<AtenAliasOp, AtenDetachOp>([](auto) { return Aliasing::Alias; })
      .Case([](AtenPositiveOp) { return Aliasing::Same; })
      .Case([&](AtenTypeAsOp) { return Aliasing::Unknown; })
      .Case<AtenReshapeOp, AtenReshapeAsOp, AtenFlattenUsingIntsOp, AtenRavelOp, AtenContiguousOp, AtenPixelShuffleOp,
            AtenPixelUnshuffleOp, AtenSumToSizeOp, AtenEinsumOp, AtenLinalgMatrixPowerOp>(
          [](auto) { return Aliasing::Unknown; })
      .Case<AtenExpandOp, AtenBroadcastToOp, AtenExpandAsOp, AtenViewOp, AtenViewAsOp, AtenUnflattenIntOp,
            AtenPermuteOp, AtenTransposeIntOp, AtenSwapaxesOp, AtenSwapdimsOp, AtenTOp, AtenMTOp, AtenNumpyTOp,
            AtenMovedimIntlistOp, AtenMovedimIntOp, AtenMoveaxisIntlistOp, AtenMoveaxisIntOp, AtenAtleast1dOp,
            AtenAtleast2dOp, AtenAtleast3dOp, AtenUnfoldOp, AtenUnsqueezeOp, AtenSqueezeOp, AtenSqueezeDimOp,
            AtenSqueezeDimsOp, AtenSliceTensorOp, AtenSelectIntOp, AtenNarrowOp, AtenDiagonalOp, AtenAdjointOp,
            AtenAsStridedOp, TensorStaticInfoCastOp>([](auto) { return Aliasing::View; })
      .Default([](Operation *op) { return op->hasTrait<IsView>() ? Aliasing::Unknown : Aliasing::None; });
}

ViewStep torchc::getViewStep(Operation *op) {
  return {op->getName().getStringRef(), llvm::to_vector(op->getOperands().drop_front()),
          getValueType(op->getResult(0).getType())};
}

StringRef torchc::getViewOpOfInPlace(Operation *op) {
  return llvm::StringSwitch<StringRef>(op->getName().getStringRef())
      .Case("torch.aten.squeeze_", "torch.aten.squeeze")
      .Case("torch.aten.squeeze_.dim", "torch.aten.squeeze.dim")
      .Case("torch.aten.squeeze_.dims", "torch.aten.squeeze.dims")
      .Case("torch.aten.unsqueeze_", "torch.aten.unsqueeze")
      .Case("torch.aten.t_", "torch.aten.t")
      .Case("torch.aten.swapaxes_", "torch.aten.swapaxes")
      .Case("torch.aten.resize_", "torch.aten.resize")
      .Case("torch.aten.resize_as_", "torch.aten.resize_as")
      .Case("torch.aten.as_strided_", "torch.aten.as_strided")
      .Default("");
}

Value ViewStep::take(Value viewed, AtenBuilder &b) const {
  SmallVector<Value> operands{viewed};
  llvm::append_range(operands, arguments);
  return b.createOp(op, type, operands)->getResult(0);
}

/// Undoes permute(order).
static Value undoPermute(ArrayRef<int64_t> order, Value value, AtenBuilder &b) {
  SmallVector<int64_t> inverse(order.size());
  for (auto [place, dim] : llvm::enumerate(order)) {
    auto wrapped = wrapDim(dim, order.size());
    if (!wrapped)
      return {};
    inverse[*wrapped] = place;
  }
  return b.permute(value, inverse);
}

/// Whether an expansion shows no element twice: all dims have the sizes that they had, or are new and 1.
static bool repeatsNothing(BaseTensorType viewed, BaseTensorType view) {
  if (!viewed.hasRank() || !view.hasRank())
    return false;
  ArrayRef<int64_t> from = viewed.getSizes(), to = view.getSizes();
  return llvm::all_of(to.drop_back(from.size()), [](int64_t size) { return size == 1; }) &&
         from == to.take_back(from.size());
}

Value ViewStep::undo(Value viewed, Value value, AtenBuilder &b) const {
  Type whole = viewed.getType();
  auto again = [&](StringRef scatter) {
    SmallVector<Value> operands{viewed, value};
    llvm::append_range(operands, arguments);
    return b.createOp(scatter, whole, operands)->getResult(0);
  };
  StringRef name = op.drop_front(StringRef("torch.").size());
  // Views that keep the elements in their order.
  static const llvm::StringSet<> reshapes = {
      "aten.view",        "aten.view_as",       "aten.reshape",    "aten.reshape_as", "aten.flatten.using_ints",
      "aten.ravel",       "aten.unflatten.int", "aten.contiguous", "aten.unsqueeze",  "aten.squeeze",
      "aten.squeeze.dim", "aten.squeeze.dims",  "aten.atleast_1d", "aten.atleast_2d", "aten.atleast_3d"};
  static const llvm::StringSet<> expansions = {"aten.expand", "aten.expand_as", "aten.broadcast_to"};
  if (reshapes.contains(name) ||
      (expansions.contains(name) && repeatsNothing(getTensorType(viewed), cast<BaseTensorType>(Type(type))))) {
    if (!getTensorType(viewed).hasRank())
      return {};
    return b.createAs<AtenViewOp>(whole, value, b.list(b.sizes(viewed)));
  }
  if (name == "tensor_static_info_cast")
    return TensorStaticInfoCastOp::create(b.getBuilder(), b.getLoc(), whole, value);
  // Permutations; those of two dims undo themselves.
  if (name == "aten.transpose.int" || name == "aten.swapaxes" || name == "aten.swapdims" || name == "aten.t" ||
      name == "aten.mT" || name == "aten.numpy_T") {
    SmallVector<Value> operands{value};
    llvm::append_range(operands, arguments);
    return b.createOp(op, whole, operands)->getResult(0);
  }
  if (name == "aten.permute") {
    auto order = getConstantIntList(arguments[0]);
    return order ? undoPermute(*order, value, b) : Value();
  }
  if (name.starts_with("aten.movedim.") || name.starts_with("aten.moveaxis."))
    return b.createOp(op, whole, {value, arguments[1], arguments[0]})->getResult(0);
  // Parts.
  if (name == "aten.slice.Tensor")
    return again("torch.aten.slice_scatter");
  if (name == "aten.select.int")
    return again("torch.aten.select_scatter");
  if (name == "aten.diagonal")
    return again("torch.aten.diagonal_scatter");
  if (name == "aten.as_strided")
    return again("torch.aten.as_strided_scatter");
  if (name == "aten.narrow") {
    auto dim = getConstantInt(arguments[0]);
    if (!dim || !getTensorType(viewed).hasRank())
      return {};
    Value start = arguments[1];
    if (auto constant = getConstantInt(start); constant && *constant < 0)
      start = b.add(b.size(viewed, *dim), start);
    return b.createAs<AtenSliceScatterOp>(whole, viewed, value, arguments[0], start, b.add(start, arguments[2]),
                                          b.integer(1));
  }
  return {};
}
