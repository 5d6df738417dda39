# Installs the runtime and uses it from a folder that knows nothing of this tree: the
# programs of docs/examples/embed and the examples at the head of the public headers, by
# find_package and by pkg-config.
#   cmake -DSOURCE=<tree> -DBUILD=<build folder> -DWRITE_MODULE=<program> -DKERNELS=<kernels.so> -DWORK=<folder>
#         -DC=<compiler> -DCXX=<compiler> -DPKG_CONFIG=<program> -P embed.cmake

function(run output)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE text ERROR_VARIABLE text RESULT_VARIABLE code)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${ARGN}\n${text}")
  endif()
  set(${output} "${text}" PARENT_SCOPE)
endfunction()

# The example in a header's opening comment.
function(read_example header output)
  file(READ ${SOURCE}/runtime/include/torchc/${header} text)
  if(NOT text MATCHES "Load, make a session, call:\n//\n((//   [^\n]*\n)+)")
    message(FATAL_ERROR "${header} begins without its example")
  endif()
  string(REPLACE "//   " "  " example "${CMAKE_MATCH_1}")
  set(${output} "${example}" PARENT_SCOPE)
endfunction()

set(examples ${SOURCE}/docs/examples/embed)
file(REMOVE_RECURSE ${WORK})
run(text ${CMAKE_COMMAND} --install ${BUILD} --component runtime --prefix ${WORK}/prefix)
# A package is found wherever it has been moved to.
file(RENAME ${WORK}/prefix ${WORK}/moved)
file(COPY ${examples}/ DESTINATION ${WORK}/source)
run(text ${WRITE_MODULE} ${KERNELS} ${WORK})

file(GLOB programs RELATIVE ${examples} ${examples}/*)
file(READ ${SOURCE}/docs/HowTo/EmbedTheRuntime.md manual)
foreach(program ${programs})
  file(READ ${examples}/${program} text)
  string(REGEX REPLACE "^[^\n]*SPDX-License-Identifier[^\n]*\n" "" text "${text}")
  string(FIND "${manual}" "${text}" place)
  if(place EQUAL -1)
    message(FATAL_ERROR "docs/HowTo/EmbedTheRuntime.md does not hold ${program} as it is")
  endif()
endforeach()

run(text ${CMAKE_COMMAND} -S ${WORK}/source -B ${WORK}/build -G Ninja -DCMAKE_C_COMPILER=${C} -DCMAKE_CXX_COMPILER=${CXX}
    -DCMAKE_PREFIX_PATH=${WORK}/moved)
run(text ${CMAKE_COMMAND} --build ${WORK}/build)

# The headers' examples, with what they take for granted.
read_example(runtime.h example)
file(WRITE ${WORK}/header.c "#include <torchc/runtime.h>
#include <stdio.h>
int main(void) {
  float x[4] = {1, 2, 3, 4};
  const int64_t dims[1] = {4};
  torchc_tensor *made = NULL;
  torchc_status_free(torchc_tensor_borrow(x, sizeof x, TORCHC_F32, dims, 1, 1, NULL, NULL, &made));
  const torchc_tensor *input = made;
${example}  printf(\"%g\\n\", output ? ((const float *)torchc_tensor_get_data(output))[0] : -1);
  return torchc_get_abi_version() != TORCHC_RUNTIME_ABI_VERSION;
}
")
read_example(runtime.hpp example)
file(WRITE ${WORK}/header.cpp "#include <torchc/runtime.hpp>
#include <cstdio>
static int fail(const char *message) { std::puts(message); return 1; }
static void use(const float *values) { std::printf(\"%g\\n\", values[0]); }
int main() {
  torchc::Tensor x = *torchc::Tensor::copy<float>({1, 2, 3, 4}, {4});
${example}}
")
set(ENV{PKG_CONFIG_PATH} ${WORK}/moved/lib/pkgconfig:${WORK}/moved/${LIBDIR}/pkgconfig)
run(flags ${PKG_CONFIG} --cflags --libs torchc-runtime)
string(STRIP "${flags}" flags)
separate_arguments(flags UNIX_COMMAND "${flags}")
set(strict -Wall -Wextra -Wno-unused-parameter -Werror)
run(text ${C} -std=c99 ${strict} ${WORK}/header.c ${flags} -o ${WORK}/header_c)
run(text ${CXX} -std=c++17 ${strict} -fno-exceptions ${WORK}/header.cpp ${flags} -o ${WORK}/header_cpp)

file(GLOB library ${WORK}/moved/lib*/libtorchc-runtime.so ${WORK}/moved/lib/*/libtorchc-runtime.so)
if(library)
  get_filename_component(folder ${library} DIRECTORY)
  set(ENV{LD_LIBRARY_PATH} ${folder})
endif()
foreach(program ${WORK}/build/run_c ${WORK}/build/run_cpp ${WORK}/header_c ${WORK}/header_cpp)
  execute_process(COMMAND ${program} model.vmfb WORKING_DIRECTORY ${WORK} OUTPUT_VARIABLE text ERROR_VARIABLE text
                  RESULT_VARIABLE code)
  if(NOT code EQUAL 0 OR NOT text STREQUAL "2\n")
    message(FATAL_ERROR "${program}: ${code}\n${text}")
  endif()
endforeach()
foreach(expected "starting anew: [^\n]*No such file or directory\n16 after 1 calls\n" "16 after 2 calls\n")
  run(text ${WORK}/build/custom ${WORK}/custom.vmfb ${WORK}/weights.safetensors ${WORK}/state.safetensors)
  if(NOT text MATCHES "^${expected}$")
    message(FATAL_ERROR "custom: ${text}")
  endif()
endforeach()
execute_process(COMMAND ${WORK}/build/run_c ${WORK}/absent.vmfb ERROR_VARIABLE text RESULT_VARIABLE code)
if(NOT code EQUAL 5)
  message(FATAL_ERROR "run_c with no file: ${code}\n${text}")
endif()

if(library)
  run(symbols nm -D --defined-only ${library})
  string(REGEX REPLACE "[0-9a-f]+ T torchc_[a-z0-9_]+\n" "" others "${symbols}")
  if(NOT others STREQUAL "" OR symbols STREQUAL "")
    message(FATAL_ERROR "exported beside torchc_*:\n${others}")
  endif()
  run(needed ldd ${library})
  if(needed MATCHES "stdc\\+\\+")
    message(FATAL_ERROR "the shared library needs the C++ library:\n${needed}")
  endif()
endif()
