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
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
    LLVMInitializeAArch64AsmParser();
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

static bool isSupported(const llvm::Triple &triple) {
  return triple.getArch() == llvm::Triple::x86_64 || triple.getArch() == llvm::Triple::aarch64;
}

/// The subtarget of a machine's baseline, which knows the names of all CPUs and
/// features. `target` is normalised.
static FailureOr<std::unique_ptr<llvm::MCSubtargetInfo>> getBaseline(const llvm::Triple &triple,
                                                                     EmitErrorFn emitError) {
  initializeTargets();
  std::string error;
  const llvm::Target *backend = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!backend || !isSupported(triple))
    return emitError() << "no code can be made for the target '" << triple.str()
                       << "'; the architectures are x86_64 and aarch64";
  return std::unique_ptr<llvm::MCSubtargetInfo>(backend->createMCSubtargetInfo(triple, "", ""));
}

/// "; did you mean 'a' or 'b'?" for names close to `name`; empty if there are none.
static std::string suggest(StringRef name, ArrayRef<StringRef> known) {
  std::vector<std::pair<unsigned, StringRef>> near;
  for (StringRef candidate : known) {
    unsigned distance = name.edit_distance(candidate, /*AllowReplacements=*/true, /*MaxEditDistance=*/3);
    if (distance <= 2 || (name.size() > 2 && candidate.starts_with(name)))
      near.emplace_back(distance, candidate);
  }
  llvm::sort(near);
  near.resize(std::min<size_t>(near.size(), 3));
  std::string text;
  for (auto [i, entry] : llvm::enumerate(near))
    text += (i == 0 ? "; did you mean '" : i + 1 == near.size() ? " or '" : ", '") + entry.second.str() + "'";
  return text.empty() ? text : text + "?";
}

static LogicalResult checkCpu(const CpuVariant &target, const llvm::MCSubtargetInfo &baseline, EmitErrorFn emitError) {
  if (baseline.isCPUStringValid(target.cpu))
    return success();
  SmallVector<StringRef> known{"host", "portable", "common"};
  for (const llvm::SubtargetSubTypeKV &cpu : baseline.getAllProcessorDescriptions())
    // The list also names CPUs of 32 bits, which cannot run the code.
    if (!baseline.getTargetTriple().isX86() || StringRef(cpu.Key).starts_with("x86-64") ||
        llvm::X86::parseArchX86(cpu.Key, /*Only64Bit=*/true) != llvm::X86::CK_None)
      known.push_back(cpu.Key);
  return emitError() << "the target '" << target.triple << "' has no CPU '" << target.cpu << "'"
                     << suggest(target.cpu, known);
}

FailureOr<std::vector<CpuVariant>> torchc::resolveTargets(StringRef triple, StringRef cpus, StringRef features,
                                                          EmitErrorFn emitError) {
  llvm::Triple host(llvm::sys::getDefaultTargetTriple());
  llvm::Triple machine(llvm::Triple::normalize(triple.empty() ? host.str() : triple));
  auto baseline = getBaseline(machine, emitError);
  if (failed(baseline))
    return failure();
  SmallVector<StringRef> names, list;
  cpus.split(list, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (StringRef name : list)
    if (name != "portable" && name != "common")
      names.push_back(name);
    else if (!machine.isX86())
      names.push_back("generic");
    else if (name == "common")
      names.push_back("x86-64-v3");
    else
      names.append({"x86-64-v2", "x86-64-v3", "x86-64-v4"});
  if (names.empty())
    return emitError() << "no CPU to make code for";
  const size_t required = names.size();
  if (machine.isX86() && llvm::is_contained(list, "portable"))
    names.append({"icelake-server", "cooperlake"});

  std::vector<CpuVariant> variants;
  for (auto [i, name] : llvm::enumerate(names)) {
    CpuVariant variant{machine.str(), name.str(), features.str(), /*isOptional=*/i >= required};
    if (name == "host") {
      if (machine.getArch() != host.getArch())
        return emitError() << "the CPU 'host' is " << host.getArchName() << ", the target '" << machine.str()
                           << "' is not";
      variant.cpu = llvm::sys::getHostCPUName().str();
      std::string own = getHostFeatures();
      variant.features = own.empty() || features.empty() ? own + features.str() : own + "," + features.str();
    } else if (failed(checkCpu(variant, **baseline, emitError))) {
      return failure();
    }
    if (llvm::none_of(variants, [&](const CpuVariant &other) {
          return other.cpu == variant.cpu && other.features == variant.features;
        }))
      variants.push_back(std::move(variant));
  }
  return variants;
}

FailureOr<std::unique_ptr<llvm::TargetMachine>> torchc::createTargetMachine(const CpuVariant &target,
                                                                            EmitErrorFn emitError) {
  llvm::Triple triple(llvm::Triple::normalize(target.triple));
  auto baseline = getBaseline(triple, emitError);
  // LLVM itself only prints a warning to stderr for names that it does not know.
  if (failed(baseline) || failed(checkCpu(target, **baseline, emitError)))
    return failure();
  llvm::StringSet<> known;
  for (const llvm::SubtargetFeatureKV &feature : (*baseline)->getAllProcessorFeatures())
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
  std::string error;
  const llvm::Target *backend = llvm::TargetRegistry::lookupTarget(triple, error);
  return std::unique_ptr<llvm::TargetMachine>(backend->createTargetMachine(triple, target.cpu, target.features, options,
                                                                           llvm::Reloc::PIC_, std::nullopt,
                                                                           llvm::CodeGenOptLevel::Aggressive));
}

/// Features of x86 whose instructions are for operating systems, or are only
/// made on request: no kernel holds them, and virtual machines often hide them.
static bool isUsedByKernels(StringRef feature) {
  static const llvm::StringSet<> others = {
      "cldemote",  "clflushopt", "clwb",      "clzero",  "enqcmd",    "fsgsbase", "hreset",     "invpcid",
      "kl",        "lwp",        "movdir64b", "movdiri", "mwaitx",    "pconfig",  "pku",        "prfchw",
      "prefetchi", "ptwrite",    "rdpid",     "rdpru",   "rdrnd",     "rdseed",   "rtm",        "serialize",
      "sgx",       "shstk",      "tsxldtrk",  "uintr",   "usermsr",   "waitpkg",  "widekl",     "wbnoinvd",
      "xsave",     "xsavec",     "xsaveopt",  "xsaves",  "cmpccxadd", "raoint",   "prefetchwt1"};
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
  static const llvm::StringSet<> used = {"aes", "bf16", "complxnum", "crc",  "dotprod", "fp16fml", "fullfp16", "i8mm",
                                         "lse", "rcpc", "rdm",       "sha2", "sha3",    "sve",     "sve2"};
  std::vector<std::string> required;
  for (const llvm::SubtargetFeatureKV &feature : machine.getMCSubtargetInfo()->getEnabledProcessorFeatures())
    if (used.contains(feature.Key))
      required.push_back(feature.Key);
  return required;
}

std::vector<std::string> torchc::getRequiredFeatures(const llvm::TargetMachine &machine) {
  std::vector<std::string> required =
      machine.getTargetTriple().isX86() ? getRequiredX86Features(machine) : getRequiredAArch64Features(machine);
  llvm::sort(required);
  return required;
}
