# The part of the standard library that is written in the kernel language, src/library/*.py, goes into libplait as
# bytes: the table `library_modules` of src/library/library.h.
function(plait_embed_library variable)
    file(GLOB modules CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/library/*.py)
    if(NOT modules AND NOT EXISTS ${CMAKE_SOURCE_DIR}/src/library/library.h)
        set(${variable} "" PARENT_SCOPE)
        return()
    endif()
    set(output ${CMAKE_BINARY_DIR}/generated/library_modules.c)
    add_custom_command(
        OUTPUT ${output}
        COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} "-DMODULES=${modules}" -P ${CMAKE_SOURCE_DIR}/cmake/embed_script.cmake
        DEPENDS ${modules} ${CMAKE_SOURCE_DIR}/cmake/embed_script.cmake
        COMMENT "Embedding src/library" VERBATIM)
    set(${variable} ${output} PARENT_SCOPE)
endfunction()
