//===- FuzzModule.cpp - libFuzzer on the loader, verifier and interpreter -===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Harness.h"

#include <algorithm>
#include <random>

using namespace torchc::runtime::fuzz;

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  testModule({data, size});
  // Most mutants fall to a checksum; with that made right they get to the other checks.
  std::vector<uint8_t> forged(data, data + size);
  repair(forged);
  testModule(forged);
  return 0;
}

/// Half of the mutants are of the bytecode only: other registers, opcodes and orders. A
/// quarter are of the header only: most of what the compiler writes is native code, which is never loaded.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  std::minstd_rand random(seed);
  const std::span<uint8_t> code = findHostProgram({data, size});
  const unsigned kind = random() % 4;
  if (kind == 0 || code.size() < 32)
    return LLVMFuzzerMutate(data, size, maxSize);
  if (kind == 1) {
    const std::span<uint8_t> header = findHeader({data, size});
    LLVMFuzzerMutate(header.data(), header.size(), header.size());
    return size;
  }
  for (unsigned edits = 1 + random() % 3; edits > 0; --edits) {
    uint8_t *instruction = code.data() + random() % (code.size() / 16) * 16;
    switch (random() % 4) {
    case 0: // A small field.
      instruction[random() % 8 * 2] = uint8_t(random() % 8);
      break;
    case 1: // Another opcode.
      instruction[0] = uint8_t(random() % 0x70);
      break;
    case 2: // Another instruction's place.
      std::swap_ranges(instruction, instruction + 16, code.data() + random() % (code.size() / 16) * 16);
      break;
    default: LLVMFuzzerMutate(instruction, 16, 16);
    }
  }
  return size;
}
