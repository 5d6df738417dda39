//===- Values.cpp - tensors on the command line ---------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Values.h"

#include "Elements.h"
#include "torchc/runtime/Npy.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace torchc::runtime {

static int getExitCode(StatusCode code) {
  switch (code) {
  case StatusCode::InvalidModule:
  case StatusCode::Incompatible: return kBadInput;
  case StatusCode::Io: return kIo;
  case StatusCode::ResourceExhausted: return kLimit;
  default: return kFailure;
  }
}

void throwIfError(const Status &status) {
  if (!status.isOk())
    throw RunError{getExitCode(status.getCode()), status.getMessage()};
}

std::vector<uint8_t> readStdin() {
  std::vector<uint8_t> bytes;
  uint8_t buffer[1 << 16];
  while (true) {
    const ssize_t count = read(STDIN_FILENO, buffer, sizeof buffer);
    if (count < 0 && errno != EINTR)
      throw RunError{kIo, std::string("stdin: ") + std::strerror(errno)};
    if (count == 0)
      return bytes;
    if (count > 0)
      bytes.insert(bytes.end(), buffer, buffer + count);
  }
}

/// A file that is no .npy file is the user's bad input, not a failure of the model.
static Tensor takeFileTensor(Result<Tensor> result) {
  if (result.isOk())
    return result.take();
  const StatusCode code = result.getStatus().getCode();
  throw RunError{code == StatusCode::InvalidArgument ? int(kBadInput) : getExitCode(code), result.getStatus().getMessage()};
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
      throw RunError{kUsage, "'" + argument + "': '" + std::string(text.substr(0, comma)) + "' is no " + getElementName(type)};
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

Tensor parseValue(const std::string &text, const ValueInfo &declared) {
  if (text == "-")
    return readFile("-", std::nullopt);
  if (text.starts_with('@'))
    return readFile(text.substr(1), std::nullopt);
  const size_t equals = text.find('=');
  if (equals == std::string::npos) {
    if (!declared.dims.empty())
      throw RunError{kUsage, "'" + text + "' for '" + declared.name + "', which is " + formatType(declared.type, declared.dims)};
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
  if (!std::equal(dims.begin(), dims.end(), tensor.getDims().begin(), tensor.getDims().end()))
    throw RunError{kFailure, path + " is " + formatType(type, tensor.getDims()) + ", not " + text.substr(0, equals)};
  return tensor;
}

std::string formatType(ElementType type, std::span<const int64_t> dims, const Program *program, unsigned function) {
  std::string text;
  for (int64_t dim : dims) {
    if (dim >= 0)
      text += std::to_string(dim);
    else if (program && dim != INT64_MIN)
      text += program->getSymbol(function, unsigned(-1 - dim)).name;
    else
      text += '?';
    text += 'x';
  }
  return text + getElementName(type);
}

std::string formatValue(const Tensor &tensor) {
  std::string text = formatType(tensor.getElementType(), tensor.getDims());
  for (uint64_t i = 0; i < tensor.getElementCount(); ++i)
    text += (i == 0 ? '=' : ',') + formatElement(tensor, i);
  return tensor.getElementCount() == 0 ? text + '=' : text;
}

static bool writeAll(int file, const void *data, uint64_t size) {
  const auto *bytes = static_cast<const char *>(data);
  while (size > 0) {
    const ssize_t count = write(file, bytes, std::min<uint64_t>(size, 1 << 30));
    if (count < 0 && errno != EINTR)
      return false;
    if (count > 0) {
      bytes += count;
      size -= uint64_t(count);
    }
  }
  return true;
}

void writeNpy(const std::string &destination, const Tensor &tensor) {
  const std::string path = destination.starts_with('@') ? destination.substr(1) : destination;
  char header[512];
  const size_t headerSize = formatNpyHeader(tensor, header);
  auto writeTo = [&](int file) {
    return writeAll(file, header, headerSize) && writeAll(file, tensor.getData(), tensor.getByteLength());
  };
  auto fail = [&] { throw RunError{kIo, (path == "-" ? "stdout" : path) + ": " + std::strerror(errno)}; };
  if (path == "-") {
    if (!writeTo(STDOUT_FILENO))
      fail();
    return;
  }
  // Through a file beside it, but a device or a pipe is written as it is.
  struct stat info;
  const bool isDirect = stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
  const std::string target = isDirect ? path : path + ".part" + std::to_string(getpid());
  const int file = open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0)
    fail();
  const bool isWritten = writeTo(file);
  int error = errno;
  if ((close(file) != 0 && isWritten) || (isWritten && !isDirect && rename(target.c_str(), path.c_str()) != 0)) {
    error = errno;
  } else if (isWritten) {
    return;
  }
  if (!isDirect)
    unlink(target.c_str());
  errno = error;
  fail();
}

} // namespace torchc::runtime
