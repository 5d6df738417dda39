//===- FaultHandler.h - faults end a tool with one line and an exit code ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_SUPPORT_FAULTHANDLER_H
#define TORCHC_SUPPORT_FAULTHANDLER_H

namespace torchc {

/// From now on a fault of this process (an invalid access, a failed assertion, a
/// fatal error of LLVM) ends it with `TOOL: error: this is a bug in torchc` and
/// ExitCode::Bug, a lack of memory with ExitCode::ResourceLimit: never with a
/// signal or a dump of the stack. A closed pipe is an error of writing.
///
/// `getReproducer`, if given, returns the path of a file that shows the fault
/// again, or nullptr; it runs in a signal handler. For the `main` of a tool only.
void installFaultHandler(const char *tool, const char *(*getReproducer)() = nullptr);

} // namespace torchc

#endif // TORCHC_SUPPORT_FAULTHANDLER_H
