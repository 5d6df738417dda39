//===- CpuFeatures.cpp - what this CPU can run ----------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "executable/CpuFeatures.h"

#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace torchc::runtime {

#if defined(__x86_64__)

const char *getHostArch() { return "x86_64"; }

std::string_view getLevelFeatures(std::string_view cpu) {
#define TORCHC_LEVEL_2 "cx16 sahf popcnt sse3 ssse3 sse4.1 sse4.2"
#define TORCHC_LEVEL_3 TORCHC_LEVEL_2 " avx avx2 bmi bmi2 f16c fma lzcnt movbe xsave"
  if (cpu == "x86-64-v2")
    return TORCHC_LEVEL_2;
  if (cpu == "x86-64-v3")
    return TORCHC_LEVEL_3;
  if (cpu == "x86-64-v4")
    return TORCHC_LEVEL_3 " avx512f avx512bw avx512cd avx512dq avx512vl";
  return {};
}

namespace {

enum Register : uint8_t { Eax, Ebx, Ecx, Edx };

/// What the operating system saves of a feature's registers.
enum State : uint8_t { None, Avx, Avx512 };
constexpr uint8_t kStateBits[] = {0, 0x06, 0xE6}; ///< Of XCR0.

/// EAX and ECX for CPUID.
struct Leaf {
  uint32_t leaf;
  uint32_t subleaf;
};
enum LeafIndex : uint8_t { Leaf1, Leaf7, Leaf7Sub1, LeafDSub1, Extended1, Extended8 };
constexpr Leaf kLeaves[] = {{1, 0}, {7, 0}, {7, 1}, {0xD, 1}, {0x80000001, 0}, {0x80000008, 0}};

/// As small as can be, without addresses to relocate: the table is part of small programs.
struct Feature {
  uint16_t leaf : 3;  ///< LeafIndex
  uint16_t where : 2; ///< Register
  uint16_t bit : 5;
  uint16_t state : 2; ///< State
};

constexpr Feature kFeatures[] = {
#define TORCHC_X86_FEATURE(name, leaf, where, bit, state) {leaf, where, bit, state},
#include "executable/X86Features.def"
};

/// In the order of kFeatures, each with a 0 behind it.
constexpr char kFeatureNames[] =
#define TORCHC_X86_FEATURE(name, leaf, where, bit, state) name "\0"
#include "executable/X86Features.def"
    ;

uint64_t readEnabledState() {
  uint32_t eax, ebx, ecx, edx;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx >> 27 & 1)) // OSXSAVE
    return 0;
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

} // namespace

bool hasCpuFeature(std::string_view name) {
  const char *candidate = kFeatureNames;
  for (const Feature &feature : kFeatures) {
    if (name == candidate) {
      const Leaf &leaf = kLeaves[feature.leaf];
      uint32_t registers[4];
      if (!__get_cpuid_count(leaf.leaf, leaf.subleaf, &registers[Eax], &registers[Ebx], &registers[Ecx],
                             &registers[Edx]))
        return false;
      const uint8_t state = kStateBits[feature.state];
      return (registers[feature.where] >> feature.bit & 1) && (readEnabledState() & state) == state;
    }
    candidate += std::strlen(candidate) + 1;
  }
  return false;
}

#elif defined(__aarch64__)

const char *getHostArch() { return "aarch64"; }

std::string_view getLevelFeatures(std::string_view) { return {}; }

namespace {

/// Bits of AT_HWCAP (which = 0) and AT_HWCAP2 (1), asm/hwcap.h of Linux.
struct Feature {
  char name[10];
  uint8_t which;
  uint8_t bit;
};

constexpr Feature kFeatures[] = {
    {"fp-armv8", 0, 0},  {"neon", 0, 1}, {"aes", 0, 3},      {"sha2", 0, 6},       {"crc", 0, 7},   {"lse", 0, 8},
    {"fullfp16", 0, 10}, {"rdm", 0, 12}, {"jsconv", 0, 13},  {"complxnum", 0, 14}, {"rcpc", 0, 15}, {"sha3", 0, 17},
    {"dotprod", 0, 20},  {"sve", 0, 22}, {"fp16fml", 0, 23}, {"sve2", 1, 1},       {"i8mm", 1, 13}, {"bf16", 1, 14},
};

} // namespace

bool hasCpuFeature(std::string_view name) {
  for (const Feature &feature : kFeatures)
    if (name == feature.name)
      return getauxval(feature.which == 0 ? AT_HWCAP : AT_HWCAP2) >> feature.bit & 1;
  return false;
}

#else
#error "name the features of this architecture"
#endif

} // namespace torchc::runtime
