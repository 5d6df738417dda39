"""lit's view of the tests: .mlir and .test files, FileCheck, the built tools."""
import os

import lit.formats

config.name = "torchc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "unit", "EndToEnd"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.torchc_build, "test")

config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.torchc_build, "bin"), config.llvm_tools, os.environ["PATH"]])
config.environment["HF_HUB_OFFLINE"] = "1"
config.environment["TORCHC_CACHE_DIR"] = ""
config.substitutions.append(("%python", config.python))
config.substitutions.append(("%source", config.torchc_source))
config.substitutions.append(("%runtime", os.path.join(config.torchc_build, "lib", "libtorchc-runtime.a")))
if config.torchscript:
    config.available_features.add("torchscript")
