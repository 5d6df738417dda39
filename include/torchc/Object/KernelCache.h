//===- KernelCache.h - objects kept between compilations ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_OBJECT_KERNELCACHE_H
#define TORCHC_OBJECT_KERNELCACHE_H

#include "torchc/Object/LinkObjects.h"

#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

namespace torchc {

/// The folder for what is kept on behalf of a user: TORCHC_CACHE_DIR, else torchc/ in XDG_CACHE_HOME or ~/.cache. Empty
/// where TORCHC_CACHE_DIR is, or there is no home: nothing is kept.
std::string findCacheFolder();
/// kernels/ in it.
std::string findKernelCacheFolder();

/// Objects by what they were made of: LLVM IR, target, and the build of the compiler. Files appear whole or not at
/// all, and can be deleted at any time; those long unused are, at times. Any threads and processes may
/// share a folder.
class KernelCache {
public:
  /// Keeps objects in `folder`, which is made with the first of them; an empty name keeps nothing.
  explicit KernelCache(llvm::StringRef folder) : folder(folder) {}

  /// The object kept for `module` and `machine`, or what `make` gives, which is kept. A file that is damaged, or a
  /// folder that cannot be written, is no error.
  llvm::Expected<ObjectBytes> findOrMake(const llvm::Module &module, const llvm::TargetMachine &machine,
                                         llvm::function_ref<llvm::Expected<ObjectBytes>()> make) const;

  /// Deletes what is too old or too much, if that was not looked at lately.
  void prune() const;

private:
  std::string folder;
};

} // namespace torchc

#endif // TORCHC_OBJECT_KERNELCACHE_H
