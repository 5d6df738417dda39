//===- Device.h - where kernels run -----------------------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_DEVICE_H
#define TORCHC_RUNTIME_DEVICE_H

#include "torchc/runtime/Result.h"

namespace torchc::runtime {

struct DeviceImpl;

/// The threads that run kernels. Copies share them; thread-safe. Results do not depend
/// on the device: they are the same bits for any number of threads.
class Device {
public:
  /// "local-sync": kernels run in the calling thread.
  static Device localSync() { return Device(nullptr); }

  /// "local-task": the calling thread and `threads - 1` more, but at most one a CPU
  /// that this process may use, which is what 0 means, too. Sessions may share a device; while one's dispatch holds the
  /// threads, another's runs in its own. Errors: ResourceExhausted.
  static Result<Device> localTask(unsigned threads = 0);

  Device(const Device &other);
  Device(Device &&other) noexcept : impl(std::exchange(other.impl, nullptr)) {}
  Device &operator=(Device other) noexcept {
    std::swap(impl, other.impl);
    return *this;
  }
  ~Device();

  unsigned getWorkerCount() const;

private:
  friend struct SessionImpl;
  explicit Device(DeviceImpl *impl) : impl(impl) {}
  DeviceImpl *impl; ///< nullptr: local-sync.
};

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_DEVICE_H
