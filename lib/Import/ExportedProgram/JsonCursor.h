//===- JsonCursor.h - strict reading of JSON -------------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   JsonDocument document("model.json", text);
//   JsonCursor root = document.getRoot();
//   int64_t major = root["schema_version"]["major"].getInteger();
//   if (document.hasFailed())
//     return document.getMessage();   // model.json: schema_version.major: missing
//
// The first failure sticks; what is read after it are zeros and empty strings.
// So code that reads a schema is a plain list of its fields.
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_EXPORTEDPROGRAM_JSONCURSOR_H
#define TORCHC_LIB_IMPORT_EXPORTEDPROGRAM_JSONCURSOR_H

#include "torchc/Import/CaptureResult.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"

#include <nlohmann/json.hpp>

namespace torchc {

class JsonDocument;

/// One value of a JSON document.
class JsonCursor {
public:
  JsonCursor(const nlohmann::json &value, JsonDocument &document) : value(&value), document(&document) {}

  /// The member of an object; it is a failure where there is none.
  JsonCursor operator[](llvm::StringRef key) const;
  /// Whether the object has the member, and it is not null.
  bool has(llvm::StringRef key) const;
  bool isNull() const { return value->is_null(); }
  /// Whether something of the document has failed: what was read from it may
  /// be incomplete.
  bool hasFailed() const;

  std::string getString() const;
  int64_t getInteger() const;
  bool getBool() const;
  /// A number, or one of the strings "Infinity", "-Infinity" and "NaN".
  double getNumber() const;

  /// Calls `function` for each element of an array, until a failure.
  void forEachElement(llvm::function_ref<void(JsonCursor)> function) const;
  /// Calls `function` for each member of an object, until a failure.
  void forEachMember(llvm::function_ref<void(llvm::StringRef, JsonCursor)> function) const;

  /// The one member of an object that stands for a union: tag and value.
  std::pair<std::string, JsonCursor> getUnion() const;

  /// Fails here, with the path of this value before the message.
  void fail(const llvm::Twine &message, CaptureFailure failure = CaptureFailure::BadFile) const;

private:
  const nlohmann::json *value;
  JsonDocument *document;
};

/// A parsed JSON text and the first failure of reading it.
class JsonDocument {
public:
  /// `name` begins every message. A syntax error is a failure.
  JsonDocument(llvm::StringRef name, llvm::StringRef text);
  JsonDocument(const JsonDocument &) = delete;
  JsonDocument &operator=(const JsonDocument &) = delete;

  JsonCursor getRoot() { return JsonCursor(root, *this); }
  bool hasFailed() const { return !message.empty(); }
  /// One line: file, path of the value, what is wrong.
  const std::string &getMessage() const { return message; }
  CaptureFailure getFailure() const { return failure; }

private:
  friend class JsonCursor;
  std::string name;
  nlohmann::json root;
  std::string message;
  CaptureFailure failure = CaptureFailure::BadFile;
};

} // namespace torchc

#endif // TORCHC_LIB_IMPORT_EXPORTEDPROGRAM_JSONCURSOR_H
