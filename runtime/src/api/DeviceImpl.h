//===- DeviceImpl.h - the threads behind a device ---------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_API_DEVICEIMPL_H
#define TORCHC_RUNTIME_API_DEVICEIMPL_H

#include "base/Shared.h"
#include "threads/ThreadPool.h"

namespace torchc::runtime {

struct DeviceImpl : Shared<DeviceImpl> {
  ThreadPool pool;
};

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_API_DEVICEIMPL_H
