//===- Format.h - the layout of a .vmfb file --------------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A file is a prologue, the flatbuffer header of Module.fbs, and sections in the
// order bytecode, operand lists, libraries, debug info, constants. Everything is
// little-endian. Writer and loader share this header.
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_FORMAT_H
#define TORCHC_RUNTIME_FORMAT_H

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

static_assert(std::endian::native == std::endian::little, "a .vmfb is mapped, never converted");

namespace torchc::runtime {

/// A runtime loads every file of its major version with the same or a lower minor.
inline constexpr uint16_t kFormatMajor = 1;
inline constexpr uint16_t kFormatMinor = 0;

inline constexpr uint8_t kMagic[8] = {0x89, 'T', 'O', 'R', 'C', 'H', 'C', '\n'};

/// Every section, and every constant in its section, starts at a multiple of this.
/// The bytes between sections are zero, and no more than the alignment asks for.
inline constexpr uint64_t kSectionAlignment = 64;

/// Tensors have at most this many dimensions.
inline constexpr unsigned kMaxRank = 16;

/// The first 64 bytes of a file. The header follows at byte 64.
struct FilePrologue {
  uint8_t magic[8];
  uint16_t formatMajor;
  uint16_t formatMinor;
  uint32_t reserved0;        ///< 0
  uint64_t fileSize;         ///< Of the whole file, prologue included.
  uint64_t headerSize;       ///< Of the flatbuffer.
  uint64_t headerChecksum;   ///< checksum64 of the flatbuffer.
  uint64_t opcodeTableHash;  ///< The writer's kOpcodeTableHash (Opcodes.h).
  uint64_t reserved1;        ///< 0
  uint64_t prologueChecksum; ///< checksum64 of the 56 bytes before.
};
static_assert(sizeof(FilePrologue) == 64);

/// Element types; numbers and sizes are in ElementTypes.def.
enum class ElementType : uint8_t {
#define ELEMENT_TYPE(NAME, NUMBER, BYTES, SPELLING, NPY) NAME = NUMBER,
#include "ElementTypes.def"
};

/// Bytes of one element; 0 if `type` is none of the enumerators.
constexpr uint64_t getElementSize(ElementType type) {
  switch (type) {
#define ELEMENT_TYPE(NAME, NUMBER, BYTES, SPELLING, NPY)                                                               \
  case ElementType::NAME: return BYTES;
#include "ElementTypes.def"
  }
  return 0;
}

/// "f32", "complex<f64>", ...; "?" if `type` is none of the enumerators.
constexpr const char *getElementName(ElementType type) {
  switch (type) {
#define ELEMENT_TYPE(NAME, NUMBER, BYTES, SPELLING, NPY)                                                               \
  case ElementType::NAME: return SPELLING;
#include "ElementTypes.def"
  }
  return "?";
}

/// A 64-bit checksum against damage (not against forgery): four multiply-rotate
/// lanes over 32-byte stripes, then the rest by words, the last one zero-padded.
/// Every step is a bijection of its word and of its state, so that a change
/// within one aligned word is always seen. For data that comes in pieces:
///
///   Checksum64 checksum;
///   checksum.addStripes(first, 64);
///   checksum.addStripes(second, 4096);
///   uint64_t value = checksum.finish(rest, 17);
class Checksum64 {
public:
  /// Adds the next `size` bytes, a multiple of 32.
  void addStripes(const void *data, uint64_t size) {
    const auto *bytes = static_cast<const uint8_t *>(data);
    total += size;
    for (; size >= 32; size -= 32, bytes += 32)
      for (unsigned i = 0; i < 4; ++i)
        lanes[i] = step(lanes[i], load(bytes + 8 * i, 8));
  }

  /// The checksum of all that was added and of `size` bytes more, the last ones.
  uint64_t finish(const void *data, uint64_t size) {
    const uint64_t stripes = size & ~uint64_t(31);
    const auto *bytes = static_cast<const uint8_t *>(data) + stripes;
    addStripes(data, stripes);
    uint64_t left = size - stripes;
    uint64_t hash = (total + left) * kMul;
    for (uint64_t lane : lanes)
      hash = step(hash, lane);
    for (; left >= 8; left -= 8, bytes += 8)
      hash = step(hash, load(bytes, 8));
    if (left != 0)
      hash = step(hash, load(bytes, left));
    hash ^= hash >> 32;
    return hash * kMul;
  }

private:
  static constexpr uint64_t kMul = 0x9E3779B97F4A7C15u;

  static uint64_t step(uint64_t state, uint64_t word) { return std::rotl(state ^ word, 29) * kMul; }
  static uint64_t load(const uint8_t *from, uint64_t count) {
    uint64_t word = 0;
    std::memcpy(&word, from, count);
    return word;
  }

  uint64_t lanes[4] = {0x243F6A8885A308D3u, 0x13198A2E03707344u, 0xA4093822299F31D0u, 0x082EFA98EC4E6C89u};
  uint64_t total = 0;
};

/// The checksum of `size` bytes.
inline uint64_t checksum64(const void *data, uint64_t size) { return Checksum64().finish(data, size); }

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_FORMAT_H
