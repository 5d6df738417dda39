//===- Device.cpp - where kernels run -------------------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/runtime/Device.h"

#include "api/DeviceImpl.h"

#include <sched.h>

namespace torchc::runtime {

static unsigned countUsableCpus() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0)
    return 1;
  return unsigned(CPU_COUNT(&set));
}

Result<Device> Device::localTask(unsigned threads) {
  Device device(DeviceImpl::create());
  if (!device.impl)
    return Status::outOfMemory();
  TORCHC_RETURN_IF_ERROR(device.impl->pool.start(threads != 0 ? threads : countUsableCpus()));
  return device;
}

Device::Device(const Device &other) : impl(other.impl) {
  if (impl)
    impl->retain();
}

Device::~Device() {
  if (impl)
    impl->drop();
}

unsigned Device::getWorkerCount() const { return impl ? impl->pool.getWorkerCount() : 1; }

} // namespace torchc::runtime
