//===- WriteModule.cpp - a program to a .vmfb file ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Package/WriteModule.h"

#include "EncodeBytecode.h"
#include "ModuleBytes.h"

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"
#include "torchc/Object/LinkObjects.h"
#include "torchc/Support/AtomicFile.h"
#include "torchc/runtime/Format.h"

#include "llvm/Config/llvm-config.h"

#include <map>

using namespace mlir;
using namespace torchc;
namespace schema = torchc::runtime::schema;

static uint64_t align(uint64_t offset) { return llvm::alignTo(offset, runtime::kSectionAlignment); }

template <typename T> static ArrayRef<uint8_t> asBytes(const std::vector<T> &vector) {
  return {reinterpret_cast<const uint8_t *>(vector.data()), vector.size() * sizeof(T)};
}

template <typename Table>
static flatbuffers::FlatBufferBuilder pack(const Table &table, const char *identifier = nullptr) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(Table::TableType::Pack(builder, &table), identifier);
  return builder;
}

static ArrayRef<uint8_t> asBytes(const flatbuffers::FlatBufferBuilder &builder) {
  return {builder.GetBufferPointer(), builder.GetSize()};
}

namespace {

/// The whole file but its bytes: what stands where.
class FileLayout {
public:
  FileLayout(ModuleTables &tables, const Bytecode &bytecode) : tables(tables), bytecode(bytecode) {}

  /// Makes the shared objects. Without them, the file's libraries are empty.
  LogicalResult linkLibraries(ModuleOp module);
  void plan();
  void write(llvm::raw_ostream &stream) const;

private:
  void placeConstants();
  uint64_t checksumConstants() const;
  template <typename Visit> void visitConstants(Visit visit) const;

  ModuleTables &tables;
  const Bytecode &bytecode;
  std::vector<ObjectBytes> images; ///< Shared objects, one for each library.
  std::vector<Bytes> stored;       ///< Constants as they stand in their section.
  uint64_t constantBytes = 0;
  flatbuffers::FlatBufferBuilder debugInfo, header;
  runtime::FilePrologue prologue{};
};

} // namespace

/// Gives each constant its place in the section; equal bytes share one.
void FileLayout::placeConstants() {
  std::map<size_t, unsigned> sizes;
  for (const Bytes &bytes : tables.constants)
    ++sizes[bytes.data.size()];
  std::multimap<std::pair<size_t, uint64_t>, std::pair<ArrayRef<uint8_t>, uint64_t>> places;
  for (auto [bytes, entry] : llvm::zip_equal(tables.constants, tables.header.constants)) {
    size_t size = bytes.data.size();
    std::optional<uint64_t> offset;
    std::pair<size_t, uint64_t> key(size, 0);
    // Only what has the size of another constant can be equal to one.
    if (sizes[size] > 1) {
      key.second = runtime::checksum64(bytes.data.data(), size);
      for (auto [place, end] = places.equal_range(key); place != end; ++place)
        if (place->second.first == bytes.data)
          offset = place->second.second;
    }
    if (!offset) {
      offset = align(constantBytes);
      constantBytes = *offset + size;
      stored.push_back(bytes);
      places.emplace(key, std::pair(bytes.data, *offset));
    }
    entry->offset = *offset;
  }
}

/// Calls `visit` for the pieces of the section: constants, and the zeros between them.
template <typename Visit> void FileLayout::visitConstants(Visit visit) const {
  static constexpr uint8_t zeros[runtime::kSectionAlignment] = {};
  uint64_t offset = 0;
  for (const Bytes &bytes : stored) {
    visit(ArrayRef<uint8_t>(zeros, align(offset) - offset));
    visit(bytes.data);
    offset = align(offset) + bytes.data.size();
  }
}

uint64_t FileLayout::checksumConstants() const {
  runtime::Checksum64 checksum;
  // Pieces come in any size, the checksum in stripes: what is left of one piece
  // waits here for the next.
  SmallVector<uint8_t, 64> rest;
  visitConstants([&](ArrayRef<uint8_t> piece) {
    size_t missing = rest.empty() ? 0 : std::min<size_t>(32 - rest.size(), piece.size());
    rest.append(piece.begin(), piece.begin() + missing);
    piece = piece.drop_front(missing);
    if (rest.size() == 32) {
      checksum.addStripes(rest.data(), 32);
      rest.clear();
    }
    if (!rest.empty())
      return;
    checksum.addStripes(piece.data(), piece.size() / 32 * 32);
    piece = piece.drop_front(piece.size() / 32 * 32);
    rest.append(piece.begin(), piece.end());
  });
  return checksum.finish(rest.data(), rest.size());
}

LogicalResult FileLayout::linkLibraries(ModuleOp module) {
  for (const Bytes &object : tables.objects) {
    auto image = linkShared({reinterpret_cast<const char *>(object.data.data()), object.data.size()});
    if (!image)
      return module.emitError(llvm::toString(image.takeError()));
    images.push_back(std::move(*image));
  }
  return success();
}

static ArrayRef<uint8_t> asBytes(const ObjectBytes &bytes) {
  return {reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()};
}

void FileLayout::plan() {
  images.resize(tables.objects.size());
  placeConstants();
  if (!bytecode.debugInfo.texts.empty())
    debugInfo = pack(bytecode.debugInfo);

  schema::ModuleT &module = tables.header;
  for (auto *section : {&module.bytecode, &module.operand_lists, &module.debug_info, &module.constant_data})
    *section = std::make_unique<schema::Section>();
  // Sections are structs: their values do not change the size of the header.
  uint64_t headerSize = pack(module, schema::ModuleIdentifier()).GetSize();
  uint64_t end = sizeof prologue + headerSize;
  auto place = [&](uint64_t size, uint64_t checksum) {
    if (size == 0)
      return schema::Section(0, 0, 0);
    uint64_t offset = align(end);
    end = offset + size;
    return schema::Section(offset, size, checksum);
  };
  auto placeBytes = [&](ArrayRef<uint8_t> bytes) {
    return place(bytes.size(), runtime::checksum64(bytes.data(), bytes.size()));
  };
  *module.bytecode = placeBytes(asBytes(bytecode.instructions));
  *module.operand_lists = placeBytes(asBytes(bytecode.operandLists));
  for (auto [library, image] : llvm::zip_equal(module.libraries, images))
    *library->object = placeBytes(asBytes(image));
  *module.debug_info = placeBytes(asBytes(debugInfo));
  *module.constant_data = place(constantBytes, checksumConstants());
  header = pack(module, schema::ModuleIdentifier());
  assert(header.GetSize() == headerSize && "the header changed its size");

  std::copy(std::begin(runtime::kMagic), std::end(runtime::kMagic), prologue.magic);
  prologue.formatMajor = runtime::kFormatMajor;
  prologue.formatMinor = runtime::kFormatMinor;
  prologue.fileSize = end;
  prologue.headerSize = headerSize;
  prologue.headerChecksum = runtime::checksum64(header.GetBufferPointer(), headerSize);
  prologue.opcodeTableHash = runtime::kOpcodeTableHash;
  prologue.prologueChecksum = runtime::checksum64(&prologue, offsetof(runtime::FilePrologue, prologueChecksum));
}

void FileLayout::write(llvm::raw_ostream &stream) const {
  uint64_t offset = 0;
  auto writePiece = [&](ArrayRef<uint8_t> piece) {
    stream.write(reinterpret_cast<const char *>(piece.data()), piece.size());
    offset += piece.size();
  };
  auto writeSection = [&](ArrayRef<uint8_t> section) {
    if (section.empty())
      return;
    uint64_t padding = align(offset) - offset;
    stream.write_zeros(padding);
    offset += padding;
    writePiece(section);
  };
  writePiece({reinterpret_cast<const uint8_t *>(&prologue), sizeof prologue});
  writePiece(asBytes(header));
  writeSection(asBytes(bytecode.instructions));
  writeSection(asBytes(bytecode.operandLists));
  for (const ObjectBytes &image : images)
    writeSection(asBytes(image));
  writeSection(asBytes(debugInfo));
  if (constantBytes != 0) {
    stream.write_zeros(align(offset) - offset);
    visitConstants(writePiece);
  }
}

static void describeProducer(ModuleOp module, const ProducerInfo &info, schema::ModuleT &header) {
  header.producer = std::make_unique<schema::ProducerT>();
  header.producer->compiler_version = TORCHC_VERSION;
  header.producer->llvm_version = LLVM_VERSION_STRING;
  for (auto executable : module.getOps<dispatch::ExecutableOp>())
    header.producer->target = executable.getTriple().str();
  header.producer->flags = info.flags;
  header.producer->source_hash = info.sourceHash;
}

static LogicalResult prepare(ModuleOp module, const ProducerInfo &producer, ModuleTables &tables, Bytecode &bytecode,
                             bool withSources = true) {
  if (failed(collectTables(module, tables)) || failed(encodeBytecode(tables, bytecode, withSources)))
    return failure();
  describeProducer(module, producer, tables.header);
  return success();
}

LogicalResult torchc::writeVmfb(ModuleOp module, llvm::raw_ostream &stream, const ProducerInfo &producer) {
  ModuleTables tables;
  Bytecode bytecode;
  if (failed(prepare(module, producer, tables, bytecode)))
    return failure();
  FileLayout layout(tables, bytecode);
  if (failed(layout.linkLibraries(module)))
    return failure();
  layout.plan();
  layout.write(stream);
  return success();
}

ExitCode torchc::writeVmfbFile(ModuleOp module, StringRef path, const ProducerInfo &producer) {
  ModuleTables tables;
  Bytecode bytecode;
  if (failed(prepare(module, producer, tables, bytecode)))
    return ExitCode::Diagnosed;
  FileLayout layout(tables, bytecode);
  if (failed(layout.linkLibraries(module)))
    return ExitCode::Diagnosed;
  layout.plan();
  if (llvm::Error error = writeFileAtomically(path, [&](llvm::raw_ostream &stream) { layout.write(stream); })) {
    emitError(module.getLoc()) << llvm::toString(std::move(error));
    return ExitCode::InputOutput;
  }
  return ExitCode::Success;
}

FailureOr<ModuleBytes> torchc::writeModuleBytes(ModuleOp module, const ProducerInfo &producer) {
  ModuleTables tables;
  Bytecode bytecode;
  if (failed(prepare(module, producer, tables, bytecode, /*withSources=*/false)))
    return failure();
  // Nobody asks for them there. What a kernel refuses comes with the line of the source,
  // so that a number tells kernels apart.
  for (auto &constant : tables.header.constants)
    constant->name.clear();
  for (auto [i, kernel] : llvm::enumerate(tables.header.kernels))
    kernel->name = std::to_string(i);
  for (auto &entry : tables.header.exports) {
    entry->input_spec.clear();
    entry->output_spec.clear();
  }
  FileLayout layout(tables, bytecode);
  layout.plan();
  ModuleBytes result;
  llvm::raw_svector_ostream stream(result.file);
  layout.write(stream);
  result.header = std::move(tables.header);
  result.objects = std::move(tables.objects);
  return result;
}
