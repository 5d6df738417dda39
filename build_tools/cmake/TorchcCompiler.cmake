# What the compiler needs beyond the runtime: MLIR, LLD, the shared
# precompiled header, and functions to add libraries, dialects and passes.

find_package(Python3 REQUIRED COMPONENTS Interpreter Development.Module)
set(MLIR_DIR /usr/lib/llvm-22/lib/cmake/mlir CACHE PATH "Folder of MLIRConfig.cmake")
set(LLVM_DIR /usr/lib/llvm-22/lib/cmake/llvm CACHE PATH "Folder of LLVMConfig.cmake")
set(LLD_DIR /usr/lib/llvm-22/lib/cmake/lld CACHE PATH "Folder of LLDConfig.cmake")
find_package(MLIR REQUIRED CONFIG)
find_package(LLD REQUIRED CONFIG)
find_package(nlohmann_json REQUIRED)

# All of MLIR and LLVM that there is; the linker takes what is used.
set(TORCHC_MLIR_LIBRARIES MLIR LLVM)
if(TORCHC_STATIC_DEPENDENCIES)
  include(TorchcArchives)
endif()

include_directories(${PROJECT_SOURCE_DIR}/include ${PROJECT_BINARY_DIR}/include)
include_directories(SYSTEM ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
separate_arguments(llvm_definitions NATIVE_COMMAND ${LLVM_DEFINITIONS})
add_definitions(${llvm_definitions})
add_link_options(-fuse-ld=lld -Wl,--gc-sections)

# All that TableGen makes; every compiler library waits for it.
add_custom_target(torchc-headers)

# One precompiled header for all compiler libraries, its templates
# instantiated once: a small pattern file compiles in about a second.
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  set(CMAKE_PCH_INSTANTIATE_TEMPLATES ON)
  # ccache compares the header by content, so it must not hold a time.
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
endif()
# The ops of the torch dialect are as large again, and change with the op table:
# the stages that know them have a second header with both.
foreach(pch torchc-pch torchc-torch-pch)
  add_library(${pch} OBJECT ${PROJECT_SOURCE_DIR}/lib/Support/Precompiled.cpp)
  target_precompile_headers(${pch} PRIVATE ${PROJECT_SOURCE_DIR}/lib/Support/Precompiled.h)
endforeach()
target_precompile_headers(torchc-torch-pch PRIVATE ${PROJECT_SOURCE_DIR}/include/torchc/Dialect/Torch/IR/TorchDialect.h)
add_dependencies(torchc-torch-pch torchc-headers)

# torchc_add_library(NAME SOURCES... [LINK targets...] [PCH torchc-torch-pch])
# A static library of one stage or dialect.
function(torchc_add_library name)
  cmake_parse_arguments(ARG "" "PCH" "LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} ${TORCHC_MLIR_LIBRARIES})
  add_dependencies(${name} torchc-headers)
  if(NOT ARG_PCH)
    set(ARG_PCH torchc-pch)
  endif()
  target_precompile_headers(${name} REUSE_FROM ${ARG_PCH})
endfunction()

# torchc_tablegen(INPUT.td OUTPUT.inc generator flags...)
# Runs mlir-tblgen in the include tree of the build folder.
function(torchc_tablegen input output)
  set(input_path ${CMAKE_CURRENT_SOURCE_DIR}/${input})
  set(output_path ${CMAKE_CURRENT_BINARY_DIR}/${output})
  add_custom_command(
    OUTPUT ${output_path}
    COMMAND ${MLIR_TABLEGEN_EXE} ${ARGN} ${input_path} -o ${output_path} -d ${output_path}.d
            -I ${PROJECT_SOURCE_DIR}/include -I ${PROJECT_BINARY_DIR}/include -I ${MLIR_INCLUDE_DIRS}
    DEPENDS ${input_path} ${TORCHC_GENERATED_TD}
    DEPFILE ${output_path}.d
    COMMENT "Generating ${output}"
    VERBATIM)
  string(MAKE_C_IDENTIFIER "torchc-header-${CMAKE_CURRENT_BINARY_DIR}/${output}" target)
  add_custom_target(${target} DEPENDS ${output_path})
  add_dependencies(torchc-headers ${target})
endfunction()

# In how many parts the ops of the torch dialect are compiled.
set(TORCHC_TORCH_OP_SHARDS 4)

# torchc_add_dialect(Name mnemonic [SHARDS n]): the dialect, ops, types and attributes of
# NameOps.td; the definitions of the ops in n parts, to be compiled side by side.
function(torchc_add_dialect name mnemonic)
  cmake_parse_arguments(ARG "" "SHARDS" "" ${ARGN})
  if(ARG_SHARDS)
    set(shards -op-shard-count=${ARG_SHARDS})
  endif()
  torchc_tablegen(${name}Ops.td ${name}Dialect.h.inc -gen-dialect-decls -dialect=${mnemonic})
  torchc_tablegen(${name}Ops.td ${name}Dialect.cpp.inc -gen-dialect-defs -dialect=${mnemonic})
  torchc_tablegen(${name}Ops.td ${name}Ops.h.inc -gen-op-decls ${shards})
  torchc_tablegen(${name}Ops.td ${name}Ops.cpp.inc -gen-op-defs ${shards})
  torchc_tablegen(${name}Ops.td ${name}Types.h.inc -gen-typedef-decls -typedefs-dialect=${mnemonic})
  torchc_tablegen(${name}Ops.td ${name}Types.cpp.inc -gen-typedef-defs -typedefs-dialect=${mnemonic})
endfunction()

# torchc_add_passes(Stage): the declarations and definitions of its Passes.td.
function(torchc_add_passes stage)
  torchc_tablegen(Passes.td Passes.h.inc -gen-pass-decls -name ${stage})
endfunction()

# torchc_add_tool(name sources... [LINK targets...]): a program in build/bin, and in what is installed.
function(torchc_add_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} ${TORCHC_MLIR_LIBRARIES})
  set_target_properties(${name} PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
  install(TARGETS ${name} COMPONENT tools)
  set_property(GLOBAL APPEND PROPERTY TORCHC_TEST_DEPENDENCIES ${name})
endfunction()

# torchc_add_unit_test(name sources... [LINK targets...]): a GoogleTest program.
function(torchc_add_unit_test name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  set_property(GLOBAL APPEND PROPERTY TORCHC_UNIT_TESTS ${name})
endfunction()
