//===- Device.cpp - where kernels run -------------------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/runtime/Device.h"

#include "api/DeviceImpl.h"

#include <algorithm>
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
  // Kernels compute all the time: more threads than CPUs would wait for those that hold work and do not run. With 4 on
  // 2 CPUs, calls of 2 ms took up to 1.4 times as long.
  const unsigned cpus = countUsableCpus();
  TORCHC_RETURN_IF_ERROR(device.impl->pool.start(threads == 0 ? cpus : std::min(threads, cpus)));
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
