//===- TorchScriptLoader.cpp - opens the TorchScript reader on demand -----===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Import/TorchScript.h"

#include <dlfcn.h>
#include <filesystem>

using namespace torchc;

namespace {

constexpr const char *libraryName = "libTorchcTorchScript.so";
using CaptureFunction = void (*)(const std::string &, const TorchScriptOptions &, CaptureResult &);

/// The folder of the executable or shared library that holds this code.
std::filesystem::path getOwnFolder() {
  Dl_info info;
  if (!dladdr(reinterpret_cast<const void *>(&getOwnFolder), &info))
    return {};
  // A main program reports its argv[0], which may be a name found in PATH.
  std::error_code error;
  std::filesystem::path self = info.dli_fname;
  if (!self.has_parent_path())
    self = std::filesystem::read_symlink("/proc/self/exe", error);
  return std::filesystem::canonical(self, error).parent_path();
}

/// Opens the reader; null and `reason` if that fails.
CaptureFunction openReader(std::string &reason) {
  std::filesystem::path folder = getOwnFolder();
  std::error_code error;
  // Beside an installed tool, beside the Python module, and in a build folder.
  for (const char *relative : {"../lib", ".", "../../lib"}) {
    std::filesystem::path candidate = folder / relative / libraryName;
    if (!std::filesystem::exists(candidate, error))
      continue;
    void *library = dlopen(candidate.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      reason =
          std::string("cannot open the TorchScript reader, which needs the libtorch of PyTorch " TORCHC_TORCH_VERSION
                      " (a .pt2 file of torch.export needs none): ") +
          dlerror();
      return nullptr;
    }
    auto function = reinterpret_cast<CaptureFunction>(dlsym(library, "torchcCaptureTorchScript"));
    if (!function)
      reason = candidate.string() + " does not belong to this torchc";
    return function;
  }
  reason = "this build of torchc has no TorchScript reader: " + std::string(libraryName) +
           " is not beside it "
           "(TORCHC_ENABLE_TORCHSCRIPT; a .pt2 file of torch.export needs none)";
  return nullptr;
}

} // namespace

CaptureResult torchc::captureTorchScript(const std::string &path, const TorchScriptOptions &options) {
  std::string reason;
  CaptureFunction capture = openReader(reason);
  if (!capture)
    return CaptureResult::error(CaptureFailure::Diagnosed, reason);
  CaptureResult result;
  capture(path, options, result);
  return result;
}
