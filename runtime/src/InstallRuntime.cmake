# What embedders get: the library, static or (BUILD_SHARED_LIBS) shared, the headers of
# the C and C++ API, and the files by which find_package and pkg-config find them.
# Tools and tests of this tree use the static library, whose inner classes they reach.

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(installed torchc-runtime)
if(BUILD_SHARED_LIBS)
  set(installed torchc-runtime-shared)
  add_library(${installed} SHARED $<TARGET_OBJECTS:torchc-runtime>)
  # Nothing but the C library and threads: the C compiler links it.
  set_target_properties(${installed} PROPERTIES OUTPUT_NAME torchc-runtime LINKER_LANGUAGE C VERSION ${PROJECT_VERSION} SOVERSION 1)
  set(exports ${CMAKE_CURRENT_SOURCE_DIR}/exports.map)
  target_link_options(${installed} PRIVATE -Wl,--version-script=${exports} -Wl,--gc-sections -Wl,--no-undefined -Wl,--as-needed)
  set_target_properties(${installed} PROPERTIES LINK_DEPENDS ${exports})
  target_link_libraries(${installed} PRIVATE Threads::Threads)
endif()
set_target_properties(${installed} PROPERTIES EXPORT_NAME runtime)
target_include_directories(${installed} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/torchc-runtime)
install(TARGETS ${installed} EXPORT torchc-runtime COMPONENT runtime)
install(FILES ../include/torchc/runtime.h ../include/torchc/runtime.hpp
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/torchc COMPONENT runtime)
# For programs that torchc-compile --emit=static-library makes.
install(FILES ../include/torchc/linked.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/torchc COMPONENT runtime)
install(FILES ../include/torchc/runtime/KernelABI.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/torchc/runtime
  COMPONENT runtime)
install(EXPORT torchc-runtime FILE torchc-runtime-targets.cmake NAMESPACE torchc:: DESTINATION ${package_dir}
  COMPONENT runtime)
configure_package_config_file(torchc-runtime-config.cmake.in torchc-runtime-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(torchc-runtime-config-version.cmake COMPATIBILITY SameMajorVersion)
# The package may be moved as a whole.
file(RELATIVE_PATH from_pkgconfig_to_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(torchc-runtime.pc.in torchc-runtime.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/torchc-runtime-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/torchc-runtime-config-version.cmake DESTINATION ${package_dir} COMPONENT runtime)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/torchc-runtime.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT runtime)
