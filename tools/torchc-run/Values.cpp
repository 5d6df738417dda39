//===- Values.cpp - tensors on the command line ---------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Values.h"

#include "Elements.h"
#include "Files.h"
#include "Npz.h"
#include "torchc/runtime/Npy.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <set>
#include <unistd.h>

namespace torchc::runtime {

static Tensor takeFileTensor(Result<Tensor> result) {
  throwIfFileError(result.getStatus());
  return result.take();
}

static Tensor readFile(const std::string &path, std::optional<ElementType> type) {
  if (path != "-")
    return takeFileTensor(readNpy(path.c_str(), type));
  return takeFileTensor(parseNpy(readStdin(), "stdin", type));
}

static Tensor readRaw(const std::string &path, ElementType type, const std::vector<int64_t> &dims) {
  Result<Tensor> result = Tensor::allocate(type, dims);
  throwIfError(result.getStatus());
  Tensor tensor = result.take();
  FILE *file = std::fopen(path.c_str(), "rb");
  if (!file)
    throw RunError{kIo, path + ": " + std::strerror(errno)};
  const size_t count = std::fread(tensor.getMutableData(), 1, tensor.getByteLength(), file);
  const bool isWhole = count == tensor.getByteLength() && std::fgetc(file) == EOF && !std::ferror(file);
  std::fclose(file);
  if (!isWhole)
    throw RunError{kBadInput, path + ": its size is not that of " + formatType(type, dims)};
  return tensor;
}

static Tensor parseElements(const std::string &argument, std::string_view text, ElementType type,
                            std::span<const int64_t> dims) {
  Result<Tensor> result = Tensor::allocate(type, dims);
  throwIfError(result.getStatus());
  Tensor tensor = result.take();
  const uint64_t count = tensor.getElementCount(), size = getElementSize(type);
  uint8_t *data = tensor.getMutableData();
  uint64_t given = 0;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    uint8_t element[16];
    if (!parseElement(text.substr(0, comma), type, element))
      throw RunError{kUsage,
                     "'" + argument + "': '" + std::string(text.substr(0, comma)) + "' is no " + getElementName(type)};
    if (given < count)
      std::memcpy(data + given * size, element, size);
    ++given;
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  if (given == 1)
    for (uint64_t i = 1; i < count; ++i)
      std::memcpy(data + i * size, data, size);
  else if (given != count)
    throw RunError{kUsage, "'" + argument + "': " + std::to_string(given) + " elements for " + std::to_string(count)};
  return tensor;
}

/// "2x3xf32" to its dims and type; false if it is no such thing.
static bool parseType(std::string_view text, std::vector<int64_t> &dims, ElementType &type) {
  while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    int64_t dim;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), dim);
    if (result.ec != std::errc() || result.ptr == text.data() + text.size() || *result.ptr != 'x')
      return false;
    text.remove_prefix(size_t(result.ptr - text.data()) + 1);
    dims.push_back(dim);
  }
  const auto parsed = parseElementType(text);
  type = parsed.value_or(ElementType::U8);
  return parsed.has_value();
}

static bool isStatic(const ValueInfo &value) {
  return std::ranges::all_of(value.dims, [](int64_t dim) { return dim >= 0; });
}

/// The value of `@path` or `-`, whose type only the file or the signature gives.
static Tensor readUntyped(const std::string &path, const ValueInfo &declared) {
  if (!path.ends_with(".bin"))
    return readFile(path, std::nullopt);
  if (!isStatic(declared))
    throw RunError{kUsage, "'@" + path + "' for '" + declared.name + "', which is " +
                               formatType(declared.type, declared.dims) + ": name the shape, as in 2x3xf32=@" + path};
  return readRaw(path, declared.type, {declared.dims.begin(), declared.dims.end()});
}

static Tensor parseValue(const std::string &text, const ValueInfo &declared) {
  if (text == "-" || text.starts_with('@'))
    return readUntyped(text == "-" ? text : text.substr(1), declared);
  const size_t equals = text.find('=');
  if (equals == std::string::npos) {
    if (!declared.dims.empty())
      throw RunError{kUsage, "'" + text + "' for '" + declared.name + "', which is " +
                                 formatType(declared.type, declared.dims)};
    return parseElements(text, text, declared.type, {});
  }
  std::vector<int64_t> dims;
  ElementType type;
  if (!parseType(std::string_view(text).substr(0, equals), dims, type))
    throw RunError{kUsage, "'" + text.substr(0, equals) + "' is no type such as 2x3xf32"};
  const std::string value = text.substr(equals + 1);
  if (value != "-" && !value.starts_with('@'))
    return parseElements(text, value, type, dims);
  const std::string path = value == "-" ? value : value.substr(1);
  if (value != "-" && !path.ends_with(".npy"))
    return readRaw(path, type, dims);
  Tensor tensor = readFile(path, type);
  if (!std::ranges::equal(dims, tensor.getDims()))
    throw RunError{kFailure, path + " is " + formatType(type, tensor.getDims()) + ", not " + text.substr(0, equals)};
  return tensor;
}

//===----------------------------------------------------------------------===//
// Archives
//===----------------------------------------------------------------------===//

/// Which member of an archive each value is: by name, or by position if the members are
/// those of numpy.savez without names.
static std::vector<size_t> matchMembers(const std::vector<NpzMember> &members, const std::vector<ValueInfo> &declared,
                                        const std::string &path) {
  std::vector<size_t> order;
  for (size_t i = 0; i < declared.size(); ++i)
    for (const std::string &name : {std::string(declared[i].name), "arr_" + std::to_string(i)})
      if (const auto found = std::ranges::find(members, name, &NpzMember::name);
          found != members.end() && order.size() == i)
        order.push_back(size_t(found - members.begin()));
  const std::set<size_t> used(order.begin(), order.end());
  if (order.size() == declared.size() && used.size() == members.size() && members.size() == declared.size())
    return order;
  auto list = [](const auto &items, auto getName) {
    std::string text;
    for (const auto &item : items)
      text += (text.empty() ? "" : ", ") + std::string(getName(item));
    return text.empty() ? "nothing" : text;
  };
  throw RunError{kUsage, path + " holds " + list(members, [](const NpzMember &member) { return member.name; }) +
                             "; wanted " + list(declared, [](const ValueInfo &value) { return value.name; })};
}

static std::vector<Tensor> parseArchive(std::span<const uint8_t> bytes, const std::vector<ValueInfo> &declared,
                                        const std::string &path) {
  const std::vector<NpzMember> members = readNpz(bytes, path);
  const std::vector<size_t> order = matchMembers(members, declared, path);
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < order.size(); ++i) {
    const NpzMember &member = members[order[i]];
    const std::string name = path + ": " + member.name;
    // A type that numpy lacks cannot be named here: the declared one says what the bits are.
    const bool areBits = !isNumpyType(declared[i].type);
    tensors.push_back(
        takeFileTensor(parseNpy(member.npy, name.c_str(), areBits ? std::optional(declared[i].type) : std::nullopt)));
  }
  return tensors;
}

std::vector<Tensor> parseValues(const std::vector<std::string> &texts, const std::vector<ValueInfo> &declared,
                                const char *option) {
  const bool isStdin = texts.size() == 1 && texts[0] == "-";
  if (isStdin) {
    const std::vector<uint8_t> bytes = readStdin();
    if (isZip(bytes))
      return parseArchive(bytes, declared, "stdin");
    if (declared.size() == 1)
      return {takeFileTensor(parseNpy(bytes, "stdin", std::nullopt))};
  }
  if (texts.size() == 1 && texts[0].starts_with('@') && texts[0].ends_with(".npz")) {
    const std::string path = texts[0].substr(1);
    return parseArchive(readWholeFile(path), declared, path);
  }
  if (texts.size() != declared.size())
    throw RunError{kUsage, std::to_string(texts.size()) + " " + option + " for " + std::to_string(declared.size())};
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < texts.size(); ++i)
    tensors.push_back(parseValue(texts[i], declared[i]));
  return tensors;
}

//===----------------------------------------------------------------------===//
// Text and files
//===----------------------------------------------------------------------===//

std::string formatValue(const Tensor &tensor) {
  std::string text = formatType(tensor.getElementType(), tensor.getDims());
  for (uint64_t i = 0; i < tensor.getElementCount(); ++i)
    text += (i == 0 ? '=' : ',') + formatElement(tensor, i);
  return tensor.getElementCount() == 0 ? text + '=' : text;
}

static bool writeNpyTo(int file, const Tensor &tensor) {
  char header[512];
  const size_t headerSize = formatNpyHeader(tensor, header);
  return writeAll(file, header, headerSize) && writeAll(file, tensor.getData(), tensor.getByteLength());
}

static void writeNpy(const std::string &path, const Tensor &tensor) {
  if (path == "-") {
    if (!writeNpyTo(STDOUT_FILENO, tensor))
      throw RunError{kIo, std::string("stdout: ") + std::strerror(errno)};
    return;
  }
  writeFile(path, [&](const std::string &target) {
    const int file = open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0)
      return false;
    const bool isWritten = writeNpyTo(file, tensor);
    const int error = errno;
    const bool isClosed = close(file) == 0;
    if (!isWritten)
      errno = error;
    return isWritten && isClosed;
  });
}

void writeValues(const std::vector<std::string> &texts, const std::vector<Tensor> &tensors,
                 const std::vector<ValueInfo> &declared) {
  auto getPath = [](const std::string &text) { return text.starts_with('@') ? text.substr(1) : text; };
  if (texts.size() == 1 && texts[0].ends_with(".npz")) {
    std::vector<std::string> names;
    for (const ValueInfo &value : declared)
      names.push_back(value.name);
    const std::set<std::string> distinct(names.begin(), names.end());
    for (size_t i = 0; i < names.size(); ++i)
      if (distinct.size() != names.size() || distinct.contains(""))
        names[i] = "arr_" + std::to_string(i);
    return writeNpz(getPath(texts[0]), names, tensors);
  }
  if (texts.size() != tensors.size())
    throw RunError{kUsage, std::to_string(texts.size()) + " --output for " + std::to_string(tensors.size())};
  for (size_t i = 0; i < texts.size(); ++i)
    writeNpy(getPath(texts[i]), tensors[i]);
}

} // namespace torchc::runtime
