//===- ExportedProgram.cpp - reader of torch.export archives -------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The members of an archive, below one folder of any name:
//
//   archive_format                            "pt2"
//   archive_version                           "0"
//   byteorder                                 "little"
//   models/model.json                         ExportedProgram of schema.py
//   data/weights/model_weights_config.json    PayloadConfig: parameters, buffers
//   data/weights/weight_N                     a storage, whole
//   data/constants/model_constants_config.json, data/constants/tensor_N
//
//===----------------------------------------------------------------------===//

#include "torchc/Import/ExportedProgram.h"
#include "GraphReader.h"
#include "GuardReader.h"
#include "JsonCursor.h"
#include "MergePrograms.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace llvm;
using namespace torchc;

static constexpr int64_t kSchemaMajor = 8;
/// The newest minor version whose additions this reader knows.
static constexpr int64_t kSchemaMinor = 20;

/// A tensor of which many elements share memory (stride 0) is copied out; a
/// small file must not ask for more than this by it.
static constexpr int64_t kMaxExpandedBytes = int64_t(1) << 28;

namespace {

/// Reads one archive; the first failure ends it.
class ArchiveReader {
public:
  ArchiveReader(std::shared_ptr<const MemoryBuffer> file, ZipArchive archive, StringRef folder)
      : file(std::move(file)), archive(std::move(archive)), folder(folder) {}

  CaptureResult read();

private:
  bool fail(const Twine &message, CaptureFailure failure = CaptureFailure::BadFile) {
    result.failure = failure;
    result.errors.push_back(message.str());
    return false;
  }
  bool fail(Error error) { return fail(toString(std::move(error))); }
  bool succeeded(const JsonDocument &document) {
    return !document.hasFailed() || fail(document.getMessage(), document.getFailure());
  }

  bool expectText(StringRef member, StringRef expected);
  bool findModels(std::vector<std::string> &names);
  bool readModel(const std::string &model, CapturedProgram &program);
  bool readProgram(const std::string &model, CapturedProgram &program);
  bool readTensors(StringRef dataFolder, const std::string &config, CapturedProgram &program);
  void readTensor(StringRef dataFolder, StringRef name, JsonCursor payload, CapturedProgram &program);

  std::string path(const Twine &member) const { return (folder + "/" + member).str(); }

  std::shared_ptr<const MemoryBuffer> file;
  ZipArchive archive;
  std::string folder;
  CaptureResult result;
};

} // namespace

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

/// The bytes from the start of the storage to the end of the tensor's last
/// element; nullopt where that is no 64-bit number, a size is not constant, or
/// the elements are far more bytes than that.
static std::optional<int64_t> getExtent(const TensorMeta &meta) {
  auto isConstant = [](const SymInt &size) { return size.isConstant() && size.value >= 0; };
  if (!all_of(meta.sizes, isConstant) || !all_of(meta.strides, isConstant) || !isConstant(meta.storageOffset))
    return std::nullopt;
  // The number of elements counts even where strides are 0: a copy has them all.
  int64_t count = 1, last = meta.storageOffset.value;
  for (auto [size, stride] : zip_equal(meta.sizes, meta.strides)) {
    int64_t reach;
    if (MulOverflow(count, size.value, count) ||
        MulOverflow(std::max<int64_t>(size.value - 1, 0), stride.value, reach) || AddOverflow(last, reach, last))
      return std::nullopt;
  }
  int64_t elementSize = getElementSize(meta.dtype), bytes;
  if (count == 0)
    return 0;
  if (MulOverflow(count, elementSize, count) || AddOverflow<int64_t>(last, 1, last) ||
      MulOverflow(last, elementSize, bytes) || (count > bytes && count > kMaxExpandedBytes))
    return std::nullopt;
  return bytes;
}

void ArchiveReader::readTensor(StringRef dataFolder, StringRef name, JsonCursor payload, CapturedProgram &program) {
  if (payload["use_pickle"].getBool())
    return payload.fail("pickled values (custom objects, tensor subclasses) are not supported",
                        CaptureFailure::UnsupportedOp);
  std::string member = payload["path_name"].getString();
  if (StringRef(member).contains('/'))
    return payload["path_name"].fail("not the name of a member");
  StoredTensor tensor{name.str(), readTensorMeta(payload["tensor_meta"]), file, nullptr, 0};
  if (payload.hasFailed())
    return;

  Expected<ArrayRef<uint8_t>> bytes = archive.get(path(dataFolder + "/" + member));
  if (!bytes)
    return payload.fail(toString(bytes.takeError()));
  std::optional<int64_t> extent = getExtent(tensor.meta);
  if (!extent)
    return payload.fail("a stored tensor's sizes, strides and offset are not constants that fit 64 bits and the file");
  if (static_cast<uint64_t>(*extent) > bytes->size())
    return payload.fail("the tensor reaches " + Twine(*extent) + " bytes into a storage of " + Twine(bytes->size()));
  tensor.data = bytes->data();
  tensor.storageBytes = bytes->size();
  program.tensors.push_back(std::move(tensor));
}

bool ArchiveReader::readTensors(StringRef dataFolder, const std::string &config, CapturedProgram &program) {
  Expected<StringRef> text = archive.getText(path(dataFolder + "/" + config));
  if (!text)
    return fail(text.takeError());
  JsonDocument document(config, *text);
  if (!document.hasFailed())
    document.getRoot()["config"].forEachMember(
        [&](StringRef name, JsonCursor payload) { readTensor(dataFolder, name, payload, program); });
  return succeeded(document);
}

//===----------------------------------------------------------------------===//
// The program
//===----------------------------------------------------------------------===//

static InputSpec readInputSpec(JsonCursor cursor) {
  auto [tag, spec] = cursor.getUnion();
  auto nameOf = [](JsonCursor argument) { return argument["name"].getString(); };
  if (tag == "user_input") {
    Argument argument = readArgument(spec["arg"]);
    if (const auto *name = std::get_if<ValueRef>(&argument.value))
      return {InputSpec::Kind::User, name->name, ""};
    return {InputSpec::Kind::Specialized, "", "", std::move(argument)};
  }
  if (tag == "parameter")
    return {InputSpec::Kind::Parameter, nameOf(spec["arg"]), spec["parameter_name"].getString()};
  if (tag == "buffer")
    return {InputSpec::Kind::Buffer, nameOf(spec["arg"]), spec["buffer_name"].getString()};
  if (tag == "tensor_constant")
    return {InputSpec::Kind::Constant, nameOf(spec["arg"]), spec["tensor_constant_name"].getString()};
  if (tag == "constant_input")
    return {InputSpec::Kind::Specialized, spec["name"].getString(), "", readConstantValue(spec["value"])};
  if (tag == "custom_obj" || tag == "token")
    cursor.fail("inputs of kind '" + tag + "' are not supported", CaptureFailure::UnsupportedOp);
  else
    cursor.fail("unknown tag '" + tag + "'");
  return {};
}

static OutputSpec readOutputSpec(JsonCursor cursor) {
  auto [tag, spec] = cursor.getUnion();
  if (tag == "user_output")
    return {OutputSpec::Kind::User, ""};
  if (tag == "loss_output")
    return {OutputSpec::Kind::User, "loss"};
  if (tag == "gradient_to_parameter")
    return {OutputSpec::Kind::User, "grad." + spec["parameter_name"].getString()};
  if (tag == "gradient_to_user_input")
    return {OutputSpec::Kind::User, "grad." + spec["user_input_name"].getString()};
  if (tag == "buffer_mutation")
    return {OutputSpec::Kind::BufferMutation, spec["buffer_name"].getString()};
  if (tag == "parameter_mutation")
    return {OutputSpec::Kind::ParameterMutation, spec["parameter_name"].getString()};
  if (tag == "user_input_mutation")
    return {OutputSpec::Kind::UserInputMutation, spec["user_input_name"].getString()};
  if (tag == "token")
    cursor.fail("outputs of kind 'token' are not supported", CaptureFailure::UnsupportedOp);
  else
    cursor.fail("unknown tag '" + tag + "'");
  return {};
}

static SymbolRange readRange(StringRef symbol, JsonCursor cursor) {
  SymbolRange range{symbol.str(), INT64_MIN, INT64_MAX};
  // Both fields stand there; null is an end that is open.
  if (!cursor["min_val"].isNull())
    range.min = cursor["min_val"].getInteger();
  if (!cursor["max_val"].isNull())
    range.max = cursor["max_val"].getInteger();
  if (range.min > range.max)
    cursor.fail("the range is empty");
  // Tracing takes sizes for 2 or more. torch writes that as a range, and runs the
  // program with sizes of 0 and 1 all the same.
  if (range.min == 2)
    range.min = 0;
  return range;
}

static CapturedFunction readFunction(JsonCursor module, ArrayRef<SymbolRange> symbols) {
  CapturedFunction function;
  function.graph = readGraph(module["graph"], symbols);
  JsonCursor signature = module["signature"];
  signature["input_specs"].forEachElement([&](JsonCursor spec) { function.inputs.push_back(readInputSpec(spec)); });
  signature["output_specs"].forEachElement([&](JsonCursor spec) { function.outputs.push_back(readOutputSpec(spec)); });
  if (function.inputs.size() != function.graph.inputs.size())
    signature["input_specs"].fail("the graph has another number of inputs");
  if (function.outputs.size() != function.graph.outputs.size())
    signature["output_specs"].fail("the graph has another number of outputs");

  bool isRoot = true;
  module["module_call_graph"].forEachElement([&](JsonCursor entry) {
    if (isRoot && entry.has("signature")) {
      function.inputSpec = entry["signature"]["in_spec"].getString();
      function.outputSpec = entry["signature"]["out_spec"].getString();
    }
    isRoot = false;
  });
  return function;
}

static void readVersion(JsonCursor version, CaptureResult &result) {
  int64_t major = version["major"].getInteger(), minor = version["minor"].getInteger();
  if (major != kSchemaMajor)
    version.fail("the file has schema version " + Twine(major) + "." + Twine(minor) + ", this reader knows version " +
                 Twine(kSchemaMajor) + "; export the model again with a matching torch");
  else if (minor > kSchemaMinor)
    result.warnings.push_back(
        formatv("the file has schema version {0}.{1}, newer than {0}.{2}", major, minor, kSchemaMinor));
}

/// Adds the entry point that a document holds; its failures stay in the document.
static void readEntryPoint(JsonDocument &document, CapturedProgram &program, CaptureResult &result) {
  if (document.hasFailed())
    return;
  JsonCursor root = document.getRoot();
  readVersion(root["schema_version"], result);
  if (document.hasFailed())
    return;
  root["range_constraints"].forEachMember(
      [&](StringRef symbol, JsonCursor range) { program.symbols.push_back(readRange(symbol, range)); });
  program.functions.push_back(readFunction(root["graph_module"], program.symbols));
  if (root.has("guards_code"))
    root["guards_code"].forEachElement([&](JsonCursor guard) {
      std::string text = guard.getString();
      if (!addGuard(text, program.functions.back().graph))
        result.warnings.push_back("not checked when the program runs: the export's guard " + text);
    });
}

bool ArchiveReader::readProgram(const std::string &model, CapturedProgram &program) {
  std::string name = "models/" + model + ".json";
  Expected<StringRef> text = archive.getText(path(name));
  if (!text)
    return fail(text.takeError());
  JsonDocument document(name, *text);
  readEntryPoint(document, program, result);
  return succeeded(document);
}

//===----------------------------------------------------------------------===//
// The archive
//===----------------------------------------------------------------------===//

bool ArchiveReader::expectText(StringRef member, StringRef expected) {
  Expected<StringRef> text = archive.getText(path(member));
  if (!text)
    return fail(text.takeError());
  return text->trim() == expected ||
         fail("'" + member + "' says '" + text->take_front(40).trim() + "' where this reader knows '" + expected + "'");
}

/// The names of the archive's models, sorted.
bool ArchiveReader::findModels(std::vector<std::string> &names) {
  for (StringRef member : archive.getNames())
    if (member.consume_front(path("models/")) && member.consume_back(".json"))
      names.push_back(member.str());
  llvm::sort(names);
  return !names.empty() || fail("the archive holds no models/*.json");
}

bool ArchiveReader::readModel(const std::string &model, CapturedProgram &program) {
  return readProgram(model, program) && readTensors("data/weights", model + "_weights_config.json", program) &&
         readTensors("data/constants", model + "_constants_config.json", program);
}

CaptureResult ArchiveReader::read() {
  CapturedProgram program;
  std::vector<std::string> models;
  if (!expectText("archive_format", "pt2") || !expectText("archive_version", "0") ||
      !expectText("byteorder", "little") || !findModels(models))
    return std::move(result);
  // One model is `forward`, several are entry points under their own names.
  if (models.size() == 1) {
    if (!readModel(models.front(), program))
      return std::move(result);
  } else {
    for (const std::string &model : models) {
      CapturedProgram one;
      if (!readModel(model, one))
        return std::move(result);
      mergeProgram(std::move(one), model, program);
    }
  }
  result.program = std::move(program);
  return std::move(result);
}

/// The folder that all members are in: that of "archive_format".
static std::optional<StringRef> findFolder(const ZipArchive &archive) {
  for (StringRef name : archive.getNames())
    if (name.consume_back("/archive_format") && !name.contains('/'))
      return name;
  return std::nullopt;
}

bool torchc::isExportedProgram(const ZipArchive &archive) { return findFolder(archive).has_value(); }

CaptureResult torchc::readExportedProgram(std::shared_ptr<const MemoryBuffer> file) {
  Expected<ZipArchive> archive = ZipArchive::open(arrayRefFromStringRef(file->getBuffer()));
  if (!archive)
    return CaptureResult::error(CaptureFailure::BadFile, toString(archive.takeError()));
  std::optional<StringRef> folder = findFolder(*archive);
  if (!folder)
    return CaptureResult::error(CaptureFailure::BadFile, "the archive has no member 'archive_format'");
  return ArchiveReader(std::move(file), std::move(*archive), *folder).read();
}

//===----------------------------------------------------------------------===//
// Graphs in memory
//===----------------------------------------------------------------------===//

CaptureResult torchc::readExportedGraphs(ArrayRef<ExportedGraph> graphs, std::vector<StoredTensor> tensors) {
  CaptureResult result;
  CapturedProgram program;
  for (const ExportedGraph &graph : graphs) {
    JsonDocument document(graph.name, graph.text);
    readEntryPoint(document, program, result);
    if (document.hasFailed()) {
      result.failure = document.getFailure();
      result.errors.push_back(document.getMessage());
      return result;
    }
    program.functions.back().name = graph.name;
  }
  for (const StoredTensor &tensor : tensors)
    if (std::optional<int64_t> extent = getExtent(tensor.meta);
        !extent || static_cast<uint64_t>(*extent) > tensor.storageBytes)
      return CaptureResult::error(CaptureFailure::BadFile,
                                  "the tensor '" + tensor.name + "' reaches beyond its storage");
  program.tensors = std::move(tensors);
  result.program = std::move(program);
  return result;
}
