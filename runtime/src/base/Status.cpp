//===- Status.cpp - success or an error with its message ------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/runtime/Status.h"

#include <cstdio>
#include <cstdlib>

namespace torchc::runtime {

struct Status::Rep {
  StatusCode code;
  bool isStatic;
  const char *message; ///< In the same allocation.
};

constinit Status::Rep Status::outOfMemoryRep = {StatusCode::ResourceExhausted, true, "out of memory"};

Status::~Status() {
  if (rep && !rep->isStatic)
    std::free(rep);
}

Status Status::outOfMemory() { return Status(&outOfMemoryRep); }

Status Status::error(StatusCode code, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Status status = errorV(code, format, arguments);
  va_end(arguments);
  return status;
}

Status Status::errorV(StatusCode code, const char *format, va_list arguments) {
  char text[1024];
  int length = std::vsnprintf(text, sizeof text, format, arguments);
  if (length < 0)
    length = 0;
  if (length >= int(sizeof text))
    length = int(sizeof text) - 1;
  auto *rep = static_cast<Rep *>(std::malloc(sizeof(Rep) + unsigned(length) + 1));
  if (!rep)
    return outOfMemory();
  auto *message = reinterpret_cast<char *>(rep + 1);
  for (int i = 0; i < length; ++i) // Names come from files: keep to one printable line.
    message[i] = static_cast<unsigned char>(text[i]) < ' ' || text[i] == 0x7F ? '?' : text[i];
  message[length] = 0;
  *rep = {code, false, message};
  return Status(rep);
}

StatusCode Status::getCode() const { return rep ? rep->code : StatusCode::Ok; }

const char *Status::getMessage() const { return rep ? rep->message : "ok"; }

} // namespace torchc::runtime
