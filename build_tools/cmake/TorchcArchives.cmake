# MLIR, LLVM and LLD as archives. Sets TORCHC_MLIR_LIBRARIES.

set(archives)
foreach(library ${MLIR_EXPORTED_TARGETS} ${LLVM_AVAILABLE_LIBS} ${LLD_EXPORTED_TARGETS})
  # Some of LLVM's list are not installed.
  if(TARGET ${library} AND NOT library MATCHES "^Polly")
    get_target_property(type ${library} TYPE)
    if(type STREQUAL STATIC_LIBRARY)
      list(APPEND archives ${library})
      # Among them are the shared libraries, and what only LLVM's own programs use.
      set_target_properties(${library} PROPERTIES INTERFACE_LINK_LIBRARIES "")
    endif()
  endif()
endforeach()

# LLD initialises all of LLVM's targets. Those that torchc makes no code for, two thirds of LLVM's
# machine code, stay out where the functions that would ask for them are there already.
set(other_targets ${LLVM_TARGETS_TO_BUILD})
list(REMOVE_ITEM other_targets X86 AArch64)
# Nor does it link bitcode, for which it would ask Polly for passes.
set(functions "void _Z18getPollyPluginInfov(void) { __builtin_trap(); }\n")
foreach(target ${other_targets})
  foreach(part Target TargetInfo TargetMC AsmPrinter AsmParser)
    string(APPEND functions "void LLVMInitialize${target}${part}(void) {}\n")
  endforeach()
endforeach()
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/OtherTargets.c CONTENT "${functions}" @ONLY)
add_library(torchc-other-targets OBJECT ${PROJECT_BINARY_DIR}/OtherTargets.c)

# Not to be confused with another LLVM in the same process.
add_link_options(-Wl,--exclude-libs,ALL)
set(TORCHC_MLIR_LIBRARIES $<TARGET_OBJECTS:torchc-other-targets> -Wl,--start-group ${archives} -Wl,--end-group
    ZLIB::ZLIB zstd::libzstd_static ${CMAKE_DL_LIBS})
