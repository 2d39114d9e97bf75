# One dialect and one set of warnings for every target.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g -DPLAIT_DEBUG=1")

if(NOT CMAKE_C_COMPILER_LAUNCHER)
    find_program(PLAIT_CCACHE ccache)
    if(PLAIT_CCACHE)
        set(CMAKE_C_COMPILER_LAUNCHER ${PLAIT_CCACHE})
    endif()
endif()

# -DPLAIT_SANITIZE=address,undefined: a finding ends the program.
set(PLAIT_SANITIZE "" CACHE STRING "Sanitizers for everything, as -fsanitize takes them")
if(PLAIT_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "PLAIT_FUZZ needs clang: cmake --preset fuzz")
    endif()
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(PLAIT_SANITIZE)
    add_compile_options(-fsanitize=${PLAIT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${PLAIT_SANITIZE})
endif()

function(plait_compile_options target)
    target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}
                                                 ${CMAKE_SOURCE_DIR}/include)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes
                                             $<$<BOOL:${PLAIT_WERROR}>:-Werror>)
endfunction()
