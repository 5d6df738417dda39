//===- FaultHandler.cpp - faults end a tool with one line and an exit code ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Support/FaultHandler.h"
#include "torchc/Support/ExitCode.h"

#include "llvm/Support/ErrorHandling.h"

#include <csignal>
#include <cstring>
#include <new>
#include <unistd.h>

using namespace torchc;

static const char *toolName = "torchc";
static const char *(*makeReproducer)() = nullptr;

/// Calls only what a signal handler may call.
[[noreturn]] static void end(ExitCode code, std::initializer_list<const char *> texts) {
  for (const char *text : texts)
    (void)!write(STDERR_FILENO, text, strlen(text));
  _exit(static_cast<int>(code));
}

[[noreturn]] static void endWithBug(const char *what) {
  static volatile sig_atomic_t isEnding = 0;
  // A fault while the reproducer is written, or in a second thread.
  if (isEnding)
    _exit(static_cast<int>(ExitCode::Bug));
  isEnding = 1;
  const char *path = makeReproducer ? makeReproducer() : nullptr;
  end(ExitCode::Bug, {toolName, ": error: this is a bug in torchc (", what, ")", path ? "; reproducer: " : "",
                      path ? path : "", "\n"});
}

static void onSignal(int signal) {
  switch (signal) {
  case SIGABRT: endWithBug("abort");
  case SIGFPE: endWithBug("invalid arithmetic");
  case SIGILL: endWithBug("invalid instruction");
  default: endWithBug("invalid memory access");
  }
}

[[noreturn]] static void endWithoutMemory() { end(ExitCode::ResourceLimit, {toolName, ": error: out of memory\n"}); }

void torchc::installFaultHandler(const char *tool, const char *(*getReproducer)()) {
  toolName = tool;
  makeReproducer = getReproducer;

  // A stack of its own, for the case that the stack has overflowed.
  static char handlerStack[1 << 16];
  stack_t stack = {};
  stack.ss_sp = handlerStack;
  stack.ss_size = sizeof handlerStack;
  sigaltstack(&stack, nullptr);
  struct sigaction action = {};
  action.sa_handler = onSignal;
  action.sa_flags = SA_ONSTACK | SA_NODEFER;
  for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT})
    sigaction(signal, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  llvm::install_fatal_error_handler([](void *, const char *reason, bool) { endWithBug(reason); });
  llvm::install_bad_alloc_error_handler([](void *, const char *, bool) { endWithoutMemory(); });
  std::set_new_handler(endWithoutMemory);
}
