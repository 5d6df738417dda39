//===- KernelLibrary.cpp - the kernels that suit this CPU -----------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "executable/KernelLibrary.h"

#include "executable/CpuFeatures.h"

#include <algorithm>
#include <cstdio>

namespace torchc::runtime {

namespace {

/// What this CPU lacks for a library, as text of a bounded length.
class MissingFeatures {
public:
  void demand(std::string_view feature) {
    if (feature.empty() || hasCpuFeature(feature))
      return;
    any = true;
    const int written = std::snprintf(text + length, sizeof text - length, " %.*s", int(feature.size()),
                                      feature.data());
    if (written > 0 && length + unsigned(written) < sizeof text)
      length += unsigned(written);
    else
      text[length] = 0; // No room for this one.
  }
  bool isEmpty() const { return !any; }
  const char *getText() const { return text; }

private:
  char text[400] = "";
  size_t length = 0;
  bool any = false;
};

void demandAll(const schema::Library &library, MissingFeatures &missing) {
  std::string_view level = getLevelFeatures(library.cpu()->string_view());
  while (!level.empty()) {
    const size_t length = std::min(level.find(' '), level.size());
    missing.demand({level.data(), length});
    level.remove_prefix(std::min(length + 1, level.size()));
  }
  for (const auto *feature : *library.features()) {
    std::string_view name = feature->string_view();
    if (name.starts_with('+'))
      name.remove_prefix(1);
    missing.demand(name);
  }
}

} // namespace

Result<ElfImage> loadKernels(const ModuleFile &module) {
  const auto &libraries = *module.header->libraries();
  if (module.header->kernels()->size() == 0)
    return ElfImage();
  if (libraries.size() == 0)
    return Status::error(StatusCode::InvalidModule, "the module has kernels but no library of them");
  const schema::Library *closest = nullptr; // The least demanding library of this architecture.
  for (const schema::Library *library : libraries) {
    if (library->arch()->string_view() != getHostArch())
      continue;
    closest = library;
    MissingFeatures missing;
    demandAll(*library, missing);
    if (!missing.isEmpty())
      continue;
    const schema::Section &object = *library->object();
    return ElfImage::load({module.base + object.offset(), object.size()},
                          module.header->kernels()->size());
  }
  if (!closest)
    return Status::error(StatusCode::Incompatible, "compiled for %s, this CPU is %s",
                         libraries.Get(0)->arch()->c_str(), getHostArch());
  MissingFeatures missing;
  demandAll(*closest, missing);
  return Status::error(StatusCode::Incompatible, "compiled for %s; this CPU lacks%s",
                       closest->cpu()->c_str(), missing.getText());
}

} // namespace torchc::runtime
