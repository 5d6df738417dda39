//===- ArchiveCheck.cpp - looks into a file before libtorch loads it ------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ArchiveCheck.h"
#include "CaptureError.h"

#include <caffe2/serialize/inline_container.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <set>

using namespace torchc;
using namespace torchc::torchscript;

static CaptureError badFile(const std::string &path, const std::string &reason) {
  CaptureError error(CaptureFailure::BadFile, path + ": error: " + reason);
  error.isLocated = true;
  return error;
}

/// Tells foreign files by their first bytes.
static void checkBeginning(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  char magic[4] = {};
  if (!file.read(magic, sizeof(magic)) && !file.eof()) {
    CaptureError error(CaptureFailure::InputOutput, path + ": error: cannot read the file: " + std::strerror(errno));
    error.isLocated = true;
    throw error;
  }
  if (std::memcmp(magic, "PK\3\4", 4) == 0)
    return;
  if (magic[0] == '\x80')
    throw badFile(path, "this is a pickle; save the model with "
                        "torch.jit.save or torch.export.save");
  throw badFile(path, "not a TorchScript file");
}

/// The name of a file operator that `code` uses, in the dialect of Python in
/// which TorchScript is stored; or nothing.
static std::string findRefused(const std::string &code) {
  for (const char *word :
       {"def __setstate__", "torch.save(", "ops.aten.save", "torch.from_file(", "ops.aten.from_file"}) {
    if (code.find(word) != std::string::npos) {
      std::string name = word;
      name.erase(0, name.starts_with("def ") ? 4 : 0);
      return name.ends_with("(") ? name.substr(0, name.size() - 1) : name;
    }
  }
  return {};
}

void torchscript::checkArchive(const std::string &path, bool trustModel) {
  checkBeginning(path);
  try {
    caffe2::serialize::PyTorchStreamReader reader(path);
    std::vector<std::string> records = reader.getAllRecords();
    if (!reader.hasRecord("data.pkl") || !reader.hasRecord("constants.pkl")) {
      bool isExport = std::any_of(records.begin(), records.end(),
                                  [](auto &r) { return r.find("models/") == 0 || r == "archive_format"; });
      throw badFile(path, isExport                       ? "this is a torch.export file: name it .pt2"
                          : reader.hasRecord("data.pkl") ? "this is a pickle of torch.save; save the "
                                                           "model with torch.jit.save"
                                                         : "not a TorchScript file");
    }
    std::set<std::string> seen;
    for (const std::string &record : records) {
      if (!seen.insert(record).second)
        throw badFile(path, "the archive has '" + record + "' twice");
      if (trustModel || record.rfind("code/", 0) != 0 || !record.ends_with(".py"))
        continue;
      auto [data, size] = reader.getRecord(record);
      std::string code(static_cast<const char *>(data.get()), size);
      std::string refused = findRefused(code);
      if (!refused.empty())
        throw badFile(path, "refused: " + record + " uses " + refused +
                                ", which runs the model's own code or touches "
                                "files; --trust-model allows it");
    }
  } catch (const c10::Error &error) {
    std::string reason = error.what_without_backtrace();
    throw badFile(path, "damaged archive: " + reason.substr(0, reason.find('\n')));
  }
}
