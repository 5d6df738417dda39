// Machine code is kept for the next compilation, which writes none, and a damaged file is made anew: the same bytes in all cases.
// RUN: rm -rf %t && mkdir %t
// RUN: torchc-compile -q %s -o %t/without.vmfb
// RUN: env TORCHC_CACHE_DIR=%t/cache torchc-compile -q %s -o %t/first.vmfb
// RUN: ls %t/cache/kernels | FileCheck %s
// RUN: touch -d '1 hour ago' %t/cache/kernels/llvmcache-*
// RUN: env TORCHC_CACHE_DIR=%t/cache torchc-compile -q %s -o %t/second.vmfb
// RUN: find %t/cache/kernels -name 'llvmcache-*' -newermt '30 minutes ago' | count 0
// RUN: truncate --size=40 %t/cache/kernels/llvmcache-*
// RUN: env TORCHC_CACHE_DIR=%t/cache torchc-compile -q %s -o %t/third.vmfb
// RUN: env TORCHC_CACHE_DIR=/dev/null torchc-compile -q %s -o %t/fourth.vmfb
// RUN: cmp %t/without.vmfb %t/first.vmfb
// RUN: cmp %t/without.vmfb %t/second.vmfb
// RUN: cmp %t/without.vmfb %t/third.vmfb
// RUN: cmp %t/without.vmfb %t/fourth.vmfb
// CHECK: llvmcache-{{[0-9a-f]+$}}
func.func @forward(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %empty = tensor.empty() : tensor<4x8xf32>
  %y = linalg.exp ins(%x : tensor<4x8xf32>) outs(%empty : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}
