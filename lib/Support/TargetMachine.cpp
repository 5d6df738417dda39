//===- TargetMachine.cpp - LLVM's description of a CPU variant ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Support/TargetMachine.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/X86TargetParser.h"

#include <mutex>

using namespace mlir;
using namespace torchc;

static void initializeTargets() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    llvm::InitializeAllAsmParsers();
  });
}

static std::string getHostFeatures() {
  // A StringMap has no order; the features end up in the artifact.
  std::vector<std::string> features;
  for (const auto &feature : llvm::sys::getHostCPUFeatures())
    features.push_back((feature.second ? "+" : "-") + feature.first().str());
  llvm::sort(features);
  return llvm::join(features, ",");
}

CpuVariant torchc::resolveTarget(StringRef triple, StringRef cpu, StringRef features) {
  CpuVariant target{triple.str(), cpu.str(), features.str()};
  if (target.triple.empty())
    target.triple = llvm::sys::getDefaultTargetTriple();
  if (target.cpu.empty() || target.cpu == "host") {
    target.cpu = llvm::sys::getHostCPUName().str();
    std::string host = getHostFeatures();
    target.features = host.empty() || features.empty() ? host + target.features : host + "," + target.features;
  }
  return target;
}

FailureOr<std::unique_ptr<llvm::TargetMachine>>
torchc::createTargetMachine(const CpuVariant &target, function_ref<InFlightDiagnostic()> emitError) {
  initializeTargets();
  llvm::Triple triple(llvm::Triple::normalize(target.triple));
  std::string error;
  const llvm::Target *backend = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!backend || !(triple.getArch() == llvm::Triple::x86_64 || triple.getArch() == llvm::Triple::aarch64))
    return emitError() << "no code can be made for the target '" << target.triple << "'";

  // LLVM itself only prints a warning to stderr for names that it does not know.
  std::unique_ptr<llvm::MCSubtargetInfo> generic(backend->createMCSubtargetInfo(triple, "", ""));
  if (!generic->isCPUStringValid(target.cpu))
    return emitError() << "the target '" << target.triple << "' has no CPU '" << target.cpu << "'";
  llvm::StringSet<> known;
  for (const llvm::SubtargetFeatureKV &feature : generic->getAllProcessorFeatures())
    known.insert(feature.Key);
  SmallVector<StringRef> features;
  StringRef(target.features).split(features, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (StringRef feature : features)
    if (!feature.starts_with("+") && !feature.starts_with("-"))
      return emitError() << "the CPU feature '" << feature << "' must begin with + or -";
    else if (!known.contains(feature.drop_front()))
      return emitError() << "the target '" << target.triple << "' has no CPU feature '" << feature.drop_front() << "'";

  llvm::TargetOptions options;
  options.FunctionSections = true;
  options.DataSections = true;
  return std::unique_ptr<llvm::TargetMachine>(
      backend->createTargetMachine(triple, target.cpu, target.features, options, llvm::Reloc::PIC_, std::nullopt,
                                   llvm::CodeGenOptLevel::Aggressive));
}

/// Features of x86 whose instructions are for operating systems, or are only
/// made on request: no kernel holds them, and virtual machines often hide them.
static bool isUsedByKernels(StringRef feature) {
  static const llvm::StringSet<> others = {
      "cldemote", "clflushopt", "clwb",     "clzero", "enqcmd",  "fsgsbase", "hreset", "invpcid",    "kl",
      "lwp",      "movdir64b",  "movdiri",  "mwaitx", "pconfig", "pku",      "prfchw", "prefetchi",  "ptwrite",
      "rdpid",    "rdpru",      "rdrnd",    "rdseed", "rtm",     "serialize", "sgx",   "shstk",      "tsxldtrk",
      "uintr",    "usermsr",    "waitpkg",  "widekl", "wbnoinvd", "xsave",   "xsavec", "xsaveopt",   "xsaves",
      "cmpccxadd", "raoint",    "prefetchwt1"};
  return !others.contains(feature);
}

static std::vector<std::string> getRequiredX86Features(const llvm::TargetMachine &machine) {
  // The parser's list has no tuning flags ("fast-15bytenop"), unlike the subtarget's.
  SmallVector<StringRef> list;
  llvm::StringMap<bool> enabled;
  llvm::X86::getFeaturesForCPU(machine.getTargetCPU(), list);
  for (StringRef feature : list)
    enabled[feature] = true;
  list.clear();
  machine.getTargetFeatureString().split(list, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (StringRef feature : list) {
    bool on = feature.front() == '+';
    enabled[feature.drop_front()] = on;
    llvm::X86::updateImpliedFeatures(feature.drop_front(), on, enabled);
  }
  list.clear();
  llvm::X86::getFeaturesForCPU("x86-64", list);
  for (StringRef feature : list)
    enabled.erase(feature);

  std::vector<std::string> required;
  for (const auto &feature : enabled)
    if (feature.second && feature.first() != "64bit" && isUsedByKernels(feature.first()))
      required.push_back(feature.first().str());
  return required;
}

static std::vector<std::string> getRequiredAArch64Features(const llvm::TargetMachine &machine) {
  // The extensions by which LLVM selects instructions for arithmetic and memory.
  static const llvm::StringSet<> used = {"aes",     "bf16", "complxnum", "crc",  "dotprod", "fp16fml", "fullfp16",
                                         "i8mm",    "lse",  "rcpc",      "rdm",  "sha2",    "sha3",    "sve",
                                         "sve2"};
  std::vector<std::string> required;
  for (const llvm::SubtargetFeatureKV &feature : machine.getMCSubtargetInfo()->getEnabledProcessorFeatures())
    if (used.contains(feature.Key))
      required.push_back(feature.Key);
  return required;
}

std::vector<std::string> torchc::getRequiredFeatures(const llvm::TargetMachine &machine) {
  std::vector<std::string> required = machine.getTargetTriple().isX86() ? getRequiredX86Features(machine)
                                                                         : getRequiredAArch64Features(machine);
  llvm::sort(required);
  return required;
}
