//===- Compare.h - holds outputs against what is expected -------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_TOOLS_TORCHC_RUN_COMPARE_H
#define TORCHC_TOOLS_TORCHC_RUN_COMPARE_H

#include "torchc/runtime/Tensor.h"

#include <optional>
#include <string>

namespace torchc::runtime {

/// |actual - expected| <= absolute + relative * |expected|. NaN equals NaN.
struct Tolerance {
  std::optional<double> relative, absolute;
};

/// What differs, in one line that says where; empty if nothing does. A tolerance that
/// is not given is that of torch.testing.assert_close for the type.
std::string compareTensors(const Tensor &actual, const Tensor &expected, const Tolerance &tolerance);

} // namespace torchc::runtime

#endif // TORCHC_TOOLS_TORCHC_RUN_COMPARE_H
