//===- Status.h - success or an error with its message ----------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_STATUS_H
#define TORCHC_RUNTIME_STATUS_H

#include <cstdarg>
#include <utility>

namespace torchc::runtime {

enum class StatusCode : int {
  Ok = 0,
  InvalidArgument = 1,   ///< The caller's mistake: a wrong shape, an unknown name.
  Failed = 2,            ///< The model's own check, or a kernel, refused the data.
  InvalidModule = 3,     ///< The file is damaged or not of this format.
  Incompatible = 4,      ///< The file needs another runtime or another CPU.
  Io = 5,                ///< The operating system refused a read or a write.
  ResourceExhausted = 6, ///< Memory, or a limit that the embedder set.
  Cancelled = 7,         ///< The embedder ended the call.
};

/// Success, or a code and one line of text. Moves; never throws; an error that
/// finds no memory for its text says so instead.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(Status &&other) noexcept : rep(std::exchange(other.rep, nullptr)) {}
  Status &operator=(Status &&other) noexcept {
    std::swap(rep, other.rep);
    return *this;
  }
  ~Status();

  /// An error with a printf-like text.
  static Status error(StatusCode code, const char *format, ...) __attribute__((format(printf, 2, 3)));
  static Status errorV(StatusCode code, const char *format, va_list arguments);
  static Status outOfMemory();

  bool isOk() const { return rep == nullptr; }
  StatusCode getCode() const;
  /// One line without its end; "ok" for success. Lives as long as the status.
  const char *getMessage() const;

private:
  struct Rep;
  explicit Status(Rep *rep) : rep(rep) {}
  static Rep outOfMemoryRep;

  Rep *rep = nullptr; ///< nullptr: success.
};

} // namespace torchc::runtime

/// Returns from the function with the error that `expr` evaluates to, if it does.
#define TORCHC_RETURN_IF_ERROR(expr)                                                                                   \
  do {                                                                                                                 \
    if (::torchc::runtime::Status status_ = (expr); !status_.isOk())                                                   \
      return status_;                                                                                                  \
  } while (false)

#endif // TORCHC_RUNTIME_STATUS_H
