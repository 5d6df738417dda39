//===- DlpackTypes.h - element types as DLPack numbers them ---------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_PYTHON_SRC_DLPACKTYPES_H
#define TORCHC_PYTHON_SRC_DLPACKTYPES_H

#include "torchc/runtime/Format.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

namespace torchc {

enum class DlpackCode : uint8_t {
  Int = 0,
  UInt = 1,
  Float = 2,
  Bfloat = 4,
  Complex = 5,
  Bool = 6,
  Float8E4M3FN = 10,
  Float8E5M2 = 12
};

struct DlpackType {
  runtime::ElementType type;
  DlpackCode code;
};

inline constexpr DlpackType kDlpackTypes[] = {
    {runtime::ElementType::F32, DlpackCode::Float},
    {runtime::ElementType::I64, DlpackCode::Int},
    {runtime::ElementType::F64, DlpackCode::Float},
    {runtime::ElementType::F16, DlpackCode::Float},
    {runtime::ElementType::BF16, DlpackCode::Bfloat},
    {runtime::ElementType::I1, DlpackCode::Bool},
    {runtime::ElementType::U8, DlpackCode::UInt},
    {runtime::ElementType::U16, DlpackCode::UInt},
    {runtime::ElementType::U32, DlpackCode::UInt},
    {runtime::ElementType::U64, DlpackCode::UInt},
    {runtime::ElementType::I8, DlpackCode::Int},
    {runtime::ElementType::I16, DlpackCode::Int},
    {runtime::ElementType::I32, DlpackCode::Int},
    {runtime::ElementType::ComplexF32, DlpackCode::Complex},
    {runtime::ElementType::ComplexF64, DlpackCode::Complex},
    {runtime::ElementType::F8E4M3FN, DlpackCode::Float8E4M3FN},
    {runtime::ElementType::F8E5M2, DlpackCode::Float8E5M2},
};

/// Raises TypeError for what DLPack does not know.
inline nanobind::dlpack::dtype toDlpack(runtime::ElementType type) {
  for (const DlpackType &entry : kDlpackTypes)
    if (entry.type == type)
      return {static_cast<uint8_t>(entry.code), static_cast<uint8_t>(runtime::getElementSize(type) * 8), 1};
  throw nanobind::type_error("an element type that DLPack does not know");
}

/// Raises TypeError for what torchc does not know.
inline runtime::ElementType fromDlpack(nanobind::dlpack::dtype dtype) {
  for (const DlpackType &entry : kDlpackTypes)
    if (static_cast<uint8_t>(entry.code) == dtype.code && runtime::getElementSize(entry.type) * 8 == dtype.bits &&
        dtype.lanes == 1)
      return entry.type;
  throw nanobind::type_error("an element type that torchc does not know");
}

} // namespace torchc

#endif // TORCHC_PYTHON_SRC_DLPACKTYPES_H
