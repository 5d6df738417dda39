//===- JsonCursor.cpp - strict reading of JSON ---------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "JsonCursor.h"

#include <limits>

using llvm::StringRef;
using llvm::Twine;
using nlohmann::json;
using namespace torchc;

/// What a member that is missing reads as.
static const json kNull;

/// How deep paths go: beyond any real file, short of the end of the stack.
static constexpr unsigned kMaxDepth = 500;

/// Writes the path from `from` to `to`, such as ".nodes[3].target".
static bool findPath(const json &from, const json *to, std::string &path, unsigned depth = 0) {
  if (&from == to)
    return true;
  if (depth == kMaxDepth)
    return false;
  size_t length = path.size();
  if (from.is_object()) {
    for (auto member = from.begin(); member != from.end(); ++member) {
      path += "." + member.key();
      if (findPath(*member, to, path, depth + 1))
        return true;
      path.resize(length);
    }
  } else if (from.is_array()) {
    for (size_t index = 0; index < from.size(); ++index) {
      path += "[" + std::to_string(index) + "]";
      if (findPath(from[index], to, path, depth + 1))
        return true;
      path.resize(length);
    }
  }
  return false;
}

/// Text from the file, fit for one line of a message.
static std::string quote(StringRef text) {
  std::string quoted = "'";
  for (char c : text.take_front(80))
    quoted += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  return quoted + (text.size() > 80 ? "...'" : "'");
}

void JsonCursor::fail(const Twine &message, CaptureFailure failure) const {
  if (document->hasFailed())
    return;
  std::string path;
  findPath(document->root, value, path);
  document->failure = failure;
  document->message = document->name + ": " + (path.empty() ? "" : path.substr(path[0] == '.') + ": ") + message.str();
}

JsonCursor JsonCursor::operator[](StringRef key) const {
  if (!value->is_object()) {
    fail("expected an object");
    return JsonCursor(kNull, *document);
  }
  auto found = value->find(key.str());
  if (found == value->end()) {
    fail("missing field " + quote(key));
    return JsonCursor(kNull, *document);
  }
  return JsonCursor(*found, *document);
}

bool JsonCursor::has(StringRef key) const {
  if (!value->is_object())
    return false;
  auto found = value->find(key.str());
  return found != value->end() && !found->is_null();
}

bool JsonCursor::hasFailed() const { return document->hasFailed(); }

std::string JsonCursor::getString() const {
  if (const auto *string = value->get_ptr<const json::string_t *>())
    return *string;
  fail("expected a string");
  return {};
}

int64_t JsonCursor::getInteger() const {
  if (const auto *number = value->get_ptr<const json::number_unsigned_t *>()) {
    if (*number <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      return static_cast<int64_t>(*number);
    fail("the number does not fit 64 bits");
    return 0;
  }
  if (const auto *number = value->get_ptr<const json::number_integer_t *>())
    return *number;
  fail("expected an integer");
  return 0;
}

bool JsonCursor::getBool() const {
  if (const auto *boolean = value->get_ptr<const json::boolean_t *>())
    return *boolean;
  fail("expected true or false");
  return false;
}

double JsonCursor::getNumber() const {
  if (const auto *number = value->get_ptr<const json::number_float_t *>())
    return *number;
  if (const auto *number = value->get_ptr<const json::number_unsigned_t *>())
    return static_cast<double>(*number);
  if (const auto *number = value->get_ptr<const json::number_integer_t *>())
    return static_cast<double>(*number);
  if (const auto *name = value->get_ptr<const json::string_t *>()) {
    if (*name == "Infinity")
      return std::numeric_limits<double>::infinity();
    if (*name == "-Infinity")
      return -std::numeric_limits<double>::infinity();
    if (*name == "NaN")
      return std::numeric_limits<double>::quiet_NaN();
  }
  fail("expected a number");
  return 0;
}

void JsonCursor::forEachElement(llvm::function_ref<void(JsonCursor)> function) const {
  if (!value->is_array())
    return fail("expected an array");
  for (const json &element : *value) {
    if (document->hasFailed())
      return;
    function(JsonCursor(element, *document));
  }
}

void JsonCursor::forEachMember(llvm::function_ref<void(StringRef, JsonCursor)> function) const {
  if (!value->is_object())
    return fail("expected an object");
  for (auto member = value->begin(); member != value->end() && !document->hasFailed(); ++member)
    function(member.key(), JsonCursor(*member, *document));
}

std::pair<std::string, JsonCursor> JsonCursor::getUnion() const {
  if (value->is_object() && value->size() == 1)
    return {value->begin().key(), JsonCursor(*value->begin(), *document)};
  fail("expected an object with one member, its tag");
  return {"", JsonCursor(kNull, *document)};
}

JsonDocument::JsonDocument(StringRef name, StringRef text)
    : name(name), root(json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false)) {
  if (root.is_discarded())
    message = this->name + ": not JSON";
}
