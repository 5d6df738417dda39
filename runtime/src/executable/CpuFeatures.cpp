//===- CpuFeatures.cpp - what this CPU can run ----------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "executable/CpuFeatures.h"

#include <cstdint>

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

/// State that the operating system must save for a feature's registers (XCR0).
enum State : uint8_t { None = 0, Avx = 0x06, Avx512 = 0xE6 };

/// Where CPUID reports a feature (AMD64 Architecture Programmer's Manual, volume 3, appendix E;
/// Intel SDM, volume 2, CPUID).
struct Feature {
  char name[20]; ///< Not an address: the table is part of small programs, and needs no relocations so.
  uint32_t leaf;
  uint8_t subleaf;
  Register where;
  uint8_t bit;
  State state;
};

constexpr Feature kFeatures[] = {
    {"cx8", 1, 0, Edx, 8, None},
    {"cmov", 1, 0, Edx, 15, None},
    {"mmx", 1, 0, Edx, 23, None},
    {"fxsr", 1, 0, Edx, 24, None},
    {"sse", 1, 0, Edx, 25, None},
    {"sse2", 1, 0, Edx, 26, None},
    {"sse3", 1, 0, Ecx, 0, None},
    {"pclmul", 1, 0, Ecx, 1, None},
    {"ssse3", 1, 0, Ecx, 9, None},
    {"fma", 1, 0, Ecx, 12, Avx},
    {"cx16", 1, 0, Ecx, 13, None},
    {"crc32", 1, 0, Ecx, 20, None},
    {"sse4.1", 1, 0, Ecx, 19, None},
    {"sse4.2", 1, 0, Ecx, 20, None},
    {"movbe", 1, 0, Ecx, 22, None},
    {"popcnt", 1, 0, Ecx, 23, None},
    {"aes", 1, 0, Ecx, 25, None},
    {"xsave", 1, 0, Ecx, 27, None},
    {"avx", 1, 0, Ecx, 28, Avx},
    {"f16c", 1, 0, Ecx, 29, Avx},
    {"rdrnd", 1, 0, Ecx, 30, None},
    {"fsgsbase", 7, 0, Ebx, 0, None},
    {"bmi", 7, 0, Ebx, 3, None},
    {"avx2", 7, 0, Ebx, 5, Avx},
    {"bmi2", 7, 0, Ebx, 8, None},
    {"invpcid", 7, 0, Ebx, 10, None},
    {"avx512f", 7, 0, Ebx, 16, Avx512},
    {"avx512dq", 7, 0, Ebx, 17, Avx512},
    {"rdseed", 7, 0, Ebx, 18, None},
    {"adx", 7, 0, Ebx, 19, None},
    {"avx512ifma", 7, 0, Ebx, 21, Avx512},
    {"clflushopt", 7, 0, Ebx, 23, None},
    {"clwb", 7, 0, Ebx, 24, None},
    {"avx512cd", 7, 0, Ebx, 28, Avx512},
    {"sha", 7, 0, Ebx, 29, None},
    {"avx512bw", 7, 0, Ebx, 30, Avx512},
    {"avx512vl", 7, 0, Ebx, 31, Avx512},
    {"prefetchwt1", 7, 0, Ecx, 0, None},
    {"avx512vbmi", 7, 0, Ecx, 1, Avx512},
    {"pku", 7, 0, Ecx, 4, None},
    {"avx512vbmi2", 7, 0, Ecx, 6, Avx512},
    {"shstk", 7, 0, Ecx, 7, None},
    {"gfni", 7, 0, Ecx, 8, None},
    {"vaes", 7, 0, Ecx, 9, Avx},
    {"vpclmulqdq", 7, 0, Ecx, 10, Avx},
    {"avx512vnni", 7, 0, Ecx, 11, Avx512},
    {"avx512bitalg", 7, 0, Ecx, 12, Avx512},
    {"avx512vpopcntdq", 7, 0, Ecx, 14, Avx512},
    {"rdpid", 7, 0, Ecx, 22, None},
    {"movdiri", 7, 0, Ecx, 27, None},
    {"movdir64b", 7, 0, Ecx, 28, None},
    {"avx512vp2intersect", 7, 0, Edx, 8, Avx512},
    {"avx512fp16", 7, 0, Edx, 23, Avx512},
    {"avxvnni", 7, 1, Eax, 4, Avx},
    {"avx512bf16", 7, 1, Eax, 5, Avx512},
    {"avxifma", 7, 1, Eax, 23, Avx},
    {"avxvnniint8", 7, 1, Edx, 4, Avx},
    {"avxneconvert", 7, 1, Edx, 5, Avx},
    {"avxvnniint16", 7, 1, Edx, 10, Avx},
    {"xsaveopt", 0xD, 1, Eax, 0, None},
    {"xsavec", 0xD, 1, Eax, 1, None},
    {"xsaves", 0xD, 1, Eax, 3, None},
    {"sahf", 0x80000001, 0, Ecx, 0, None},
    {"lzcnt", 0x80000001, 0, Ecx, 5, None},
    {"sse4a", 0x80000001, 0, Ecx, 6, None},
    {"prfchw", 0x80000001, 0, Ecx, 8, None},
    {"xop", 0x80000001, 0, Ecx, 11, Avx},
    {"fma4", 0x80000001, 0, Ecx, 16, Avx},
    {"tbm", 0x80000001, 0, Ecx, 21, None},
    {"mwaitx", 0x80000001, 0, Ecx, 29, None},
    {"64bit", 0x80000001, 0, Edx, 29, None},
    {"clzero", 0x80000008, 0, Ebx, 0, None},
    {"rdpru", 0x80000008, 0, Ebx, 4, None},
    {"wbnoinvd", 0x80000008, 0, Ebx, 9, None},
};

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
  for (const Feature &feature : kFeatures) {
    if (name != feature.name)
      continue;
    uint32_t registers[4];
    if (!__get_cpuid_count(feature.leaf, feature.subleaf, &registers[Eax], &registers[Ebx], &registers[Ecx],
                           &registers[Edx]))
      return false;
    return (registers[feature.where] >> feature.bit & 1) && (readEnabledState() & feature.state) == feature.state;
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
