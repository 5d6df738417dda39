# Builds the tests of threads with the thread sanitizer and runs them.
#   cmake -DSOURCE=<runtime> -DBUILD=<folder> -DC=<compiler> -DCXX=<compiler> -DCALLS=<calls of a thread>
#         -P threads-tsan.cmake
# Full size: CALLS=10000.

function(run)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE text ERROR_VARIABLE text RESULT_VARIABLE code)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${ARGN}\n${text}")
  endif()
  set(text "${text}" PARENT_SCOPE)
endfunction()

run(${CMAKE_COMMAND} -S ${SOURCE} -B ${BUILD} -G Ninja -DCMAKE_C_COMPILER=${C} -DCMAKE_CXX_COMPILER=${CXX}
    -DCMAKE_BUILD_TYPE=Debug -DTORCHC_SANITIZE=thread)
run(${CMAKE_COMMAND} --build ${BUILD} -j 2 --target torchc-threads-test)
set(ENV{TORCHC_TEST_CALLS} ${CALLS})
run(${BUILD}/bin/torchc-threads-test --gtest_brief=1)
message(STATUS "16 threads x ${CALLS} calls: ${text}")
