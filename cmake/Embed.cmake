# The part of the standard library that is written in the kernel language, src/library/*.py, goes into libplait as
# bytes: the table `library_files` of src/elaborate/elaborate.h.
function(plait_embed_library variable)
    file(GLOB modules CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/library/*.py)
    if(NOT EXISTS ${CMAKE_SOURCE_DIR}/src/elaborate/elaborate.h)
        set(${variable} "" PARENT_SCOPE)
        return()
    endif()
    set(output ${CMAKE_BINARY_DIR}/generated/library_files.c)
    add_custom_command(
        OUTPUT ${output}
        COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} "-DMODULES=${modules}" -P ${CMAKE_SOURCE_DIR}/cmake/embed_script.cmake
        DEPENDS ${modules} ${CMAKE_SOURCE_DIR}/cmake/embed_script.cmake
        COMMENT "Embedding src/library" VERBATIM)
    set(${variable} ${output} PARENT_SCOPE)
endfunction()
