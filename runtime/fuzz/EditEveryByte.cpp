//===- EditEveryByte.cpp - every one-byte edit of a file ------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Usage: torchc-edit-every-byte FILE. Tests each of the 255 other values of each byte,
// as it is and with the checksums made right. A sanitizer's report ends the run.
//
//===----------------------------------------------------------------------===//

#include "Harness.h"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>

using namespace torchc::runtime::fuzz;
using Clock = std::chrono::steady_clock;

int main(int argc, char **argv) {
  std::ifstream file(argc == 2 ? argv[1] : "", std::ios::binary);
  std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.empty() || !testModule(bytes)) {
    std::fprintf(stderr, "usage: torchc-edit-every-byte FILE (a valid .vmfb)\n");
    return 2;
  }
  uint64_t edits = 0, accepted = 0, forged = 0;
  double longest = 0;
  for (uint8_t &byte : bytes) {
    const uint8_t original = byte;
    for (unsigned change = 1; change < 256; ++change, ++edits) {
      byte = uint8_t(original ^ change);
      const auto begin = Clock::now();
      accepted += testModule(bytes);
      std::vector<uint8_t> repaired = bytes;
      repair(repaired);
      forged += testModule(repaired);
      longest = std::max(longest, std::chrono::duration<double>(Clock::now() - begin).count());
    }
    byte = original;
  }
  std::printf(
      "%zu bytes, %llu edits: %llu accepted as they are, %llu with their checksums forged; 0 faults, longest %.3f s\n",
      bytes.size(), (unsigned long long)edits, (unsigned long long)accepted, (unsigned long long)forged, longest);
  return accepted == 0 && longest < 10 ? 0 : 1;
}
