# Configures and builds the runtime and torchc-run by themselves (again: what has changed), links a C program with
# the library alone, and looks at what the results depend on.
#   cmake -DSOURCE=<runtime> -DBUILD=<folder> -DC=<compiler> -DCXX=<compiler> -P build-alone.cmake

function(run output)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE text ERROR_VARIABLE text RESULT_VARIABLE code)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${ARGN}\n${text}")
  endif()
  set(${output} "${text}" PARENT_SCOPE)
endfunction()

run(text ${CMAKE_COMMAND} -S ${SOURCE} -B ${BUILD} -G Ninja -DCMAKE_C_COMPILER=${C} -DCMAKE_CXX_COMPILER=${CXX}
    -DTORCHC_ENABLE_TESTS=OFF -DBUILD_SHARED_LIBS=ON)
run(text ${CMAKE_COMMAND} --build ${BUILD} -j 2)

run(needed ldd ${BUILD}/bin/torchc-run)
if(needed MATCHES "libLLVM|libMLIR|libtorch[^c]|libc10")
  message(FATAL_ERROR "torchc-run depends on more than it should:\n${needed}")
endif()

# A C program without the C++ library.
file(WRITE ${BUILD}/app.c "#include \"torchc/runtime.h\"
int main(int argc, char **argv) {
  torchc_program *program = 0;
  torchc_status *status = torchc_program_load(argv[argc - 1], 0, &program);
  return torchc_status_get_code(status);
}
")
run(text ${C} -I${SOURCE}/include ${BUILD}/app.c ${BUILD}/lib/libtorchc-runtime.a -pthread -Wl,--gc-sections -o ${BUILD}/app)
run(needed ldd ${BUILD}/app)
if(needed MATCHES "stdc\\+\\+")
  message(FATAL_ERROR "the runtime needs the C++ library:\n${needed}")
endif()
execute_process(COMMAND ${BUILD}/app ${BUILD}/app.c RESULT_VARIABLE code)
if(NOT code EQUAL 3)
  message(FATAL_ERROR "a file that is no program gave code ${code}, not TORCHC_INVALID_MODULE")
endif()
run(text strip -o ${BUILD}/app.stripped ${BUILD}/app)
file(SIZE ${BUILD}/app.stripped size)
message(STATUS "stripped C program with the runtime: ${size} bytes")
if(size GREATER 102400)
  message(FATAL_ERROR "more than 100 KB")
endif()
