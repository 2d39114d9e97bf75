# Foreign systems. `./dev deps` installs them on Debian.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(hwloc REQUIRED IMPORTED_TARGET hwloc>=2.9)
pkg_check_modules(isl REQUIRED IMPORTED_TARGET isl>=0.25)
pkg_check_modules(jansson REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(yaml REQUIRED yaml-0.1) # its header; the library is loaded when there is a file to read

find_program(LLVM_CONFIG NAMES llvm-config-19 llvm-config REQUIRED)
function(ask_llvm variable)
    execute_process(COMMAND ${LLVM_CONFIG} ${ARGN} OUTPUT_VARIABLE answer OUTPUT_STRIP_TRAILING_WHITESPACE
                    COMMAND_ERROR_IS_FATAL ANY)
    set(${variable} ${answer} PARENT_SCOPE)
endfunction()
ask_llvm(llvm_version --version)
if(NOT llvm_version MATCHES "^19\\.")
    message(FATAL_ERROR "plait needs LLVM 19, ${LLVM_CONFIG} is ${llvm_version}")
endif()
ask_llvm(llvm_includes --includedir)
ask_llvm(llvm_libdir --libdir)
ask_llvm(llvm_libs --link-shared --libs)
add_library(plait_llvm INTERFACE)
target_include_directories(plait_llvm SYSTEM INTERFACE ${llvm_includes})
target_link_libraries(plait_llvm INTERFACE -L${llvm_libdir} ${llvm_libs})

# Regions run on GCC's OpenMP runtime, whichever compiler builds (the runtime speaks its ABI and includes no omp.h).
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
    execute_process(COMMAND gcc -print-file-name=libgomp.so OUTPUT_VARIABLE gomp_library
                    OUTPUT_STRIP_TRAILING_WHITESPACE)
    add_library(gomp SHARED IMPORTED)
    set_target_properties(gomp PROPERTIES IMPORTED_LOCATION ${gomp_library})
endif()
