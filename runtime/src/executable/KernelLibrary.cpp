//===- KernelLibrary.cpp - the kernels that suit this CPU -----------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "executable/KernelLibrary.h"

#include <algorithm>
#include <cstdio>

namespace torchc::runtime {

namespace {

/// What this CPU lacks for a library, as text of a bounded length.
class MissingFeatures {
public:
  explicit MissingFeatures(FeatureTest hasFeature) : hasFeature(hasFeature) {}

  void demand(std::string_view feature) {
    if (feature.empty() || hasFeature(feature))
      return;
    any = true;
    const int written =
        std::snprintf(text + length, sizeof text - length, " %.*s", int(feature.size()), feature.data());
    if (written > 0 && length + unsigned(written) < sizeof text)
      length += unsigned(written);
    else
      text[length] = 0; // No room for this one.
  }
  bool isEmpty() const { return !any; }
  const char *getText() const { return text; }

private:
  const FeatureTest hasFeature;
  char text[400] = "";
  size_t length = 0;
  bool any = false;
};

MissingFeatures findMissing(const schema::Library &library, FeatureTest hasFeature) {
  MissingFeatures missing(hasFeature);
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
  return missing;
}

Status describeUnknown(const schema::Module &module, std::string_view variant) {
  char known[200] = "";
  size_t length = 0;
  for (const schema::Library *library : *module.libraries()) {
    const int written = std::snprintf(known + length, sizeof known - length, " %s", library->cpu()->c_str());
    length = std::min(length + unsigned(std::max(written, 0)), sizeof known - 1);
  }
  return Status::error(StatusCode::InvalidArgument, "no variant '%.*s'; there are:%s", int(variant.size()),
                       variant.data(), known);
}

} // namespace

Result<unsigned> chooseLibrary(const schema::Module &module, std::string_view variant, FeatureTest hasFeature) {
  const auto &libraries = *module.libraries();
  if (libraries.size() == 0)
    return Status::error(StatusCode::InvalidModule, "the module has kernels but no library of them");
  const schema::Library *last = nullptr; // Of those in question, the one that demands least.
  bool isKnown = false;
  for (unsigned i = 0; i < libraries.size(); ++i) {
    const schema::Library &library = *libraries.Get(i);
    if (!variant.empty() && library.cpu()->string_view() != variant)
      continue;
    isKnown = true;
    if (library.arch()->string_view() != getHostArch())
      continue;
    last = &library;
    if (findMissing(library, hasFeature).isEmpty())
      return i;
  }
  if (!isKnown)
    return describeUnknown(module, variant);
  if (!last)
    return Status::error(StatusCode::Incompatible, "compiled for %s, this CPU is %s", libraries.Get(0)->arch()->c_str(),
                         getHostArch());
  return Status::error(StatusCode::Incompatible, "compiled for %s; this CPU lacks%s", last->cpu()->c_str(),
                       findMissing(*last, hasFeature).getText());
}

Result<ElfImage> loadKernels(const ModuleFile &module, unsigned library) {
  const schema::Section &object = *module.header->libraries()->Get(library)->object();
  return ElfImage::load({module.base + object.offset(), object.size()}, module.header->kernels()->size());
}

Result<std::span<const torchc_kernel>> linkKernels(const torchc_kernel_table &table, const schema::Module &module) {
  const unsigned count = module.kernels()->size();
  if (table.abi_version != TORCHC_KERNEL_ABI_VERSION)
    return Status::error(StatusCode::Incompatible, "the given kernels: ABI version %u, this runtime has %u",
                         table.abi_version, TORCHC_KERNEL_ABI_VERSION);
  if (table.count != count)
    return Status::error(StatusCode::InvalidArgument, "%u kernels are given, the module has %u", table.count, count);
  return std::span<const torchc_kernel>(table.kernels, count);
}

} // namespace torchc::runtime
