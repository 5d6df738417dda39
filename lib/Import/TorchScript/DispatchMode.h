//===- DispatchMode.h - catches every operator call of a trace ------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_TORCHSCRIPT_DISPATCHMODE_H
#define TORCHC_LIB_IMPORT_TORCHSCRIPT_DISPATCHMODE_H

#include <ATen/FunctionalTensorWrapper.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

namespace torchc::torchscript {

class Recorder;

/// A key that libtorch reserves for modes and uses for nothing itself. It comes
/// before all others, so that factories are seen as well.
constexpr c10::DispatchKey modeKey = c10::DispatchKey::TESTING_ONLY_GenericMode;

/// While it lives, operator calls of this thread are recorded by `recorder`.
class TraceScope {
public:
  explicit TraceScope(Recorder &recorder);
  ~TraceScope();
  TraceScope(const TraceScope &) = delete;
  TraceScope &operator=(const TraceScope &) = delete;

private:
  Recorder *outer;
  at::NoGradGuard noGrad;
  at::AutoDispatchBelowADInplaceOrView belowAutograd;
  // Functionalize is included so that results of factories are wrapped too.
  c10::impl::IncludeDispatchKeyGuard include{c10::DispatchKeySet({modeKey, c10::DispatchKey::Functionalize})};
  // Views stay views ("aten.view", not "aten.view_copy").
  at::functionalization::impl::FunctionalizationReapplyViewsGuard views{true};
};

/// Operator calls run as if there were no trace.
class OutsideTrace {
  c10::impl::ExcludeDispatchKeyGuard exclude{c10::DispatchKeySet({modeKey, c10::DispatchKey::Functionalize})};
};

} // namespace torchc::torchscript

#endif // TORCHC_LIB_IMPORT_TORCHSCRIPT_DISPATCHMODE_H
