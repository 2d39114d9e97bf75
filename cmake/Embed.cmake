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

# What a page of `plait perf report` is made of: our script and style, and Chart.js (MIT) as the distribution has it.
function(plait_embed_page variable)
    find_file(PLAIT_CHART_JS chart.min.js PATHS /usr/share /usr/local/share
              PATH_SUFFIXES javascript/chart.js nodejs/chart.js/dist
              DOC "Chart.js 3 or later, one minified file (Debian: libjs-chart.js)")
    if(NOT PLAIT_CHART_JS)
        message(FATAL_ERROR "chart.min.js is missing: install libjs-chart.js, or give -DPLAIT_CHART_JS=FILE")
    endif()
    set(output ${CMAKE_BINARY_DIR}/generated/page_files.c)
    set(files "perf_chart_js=${PLAIT_CHART_JS}" "perf_report_js=${CMAKE_SOURCE_DIR}/src/perf/report.js"
        "perf_report_css=${CMAKE_SOURCE_DIR}/src/perf/report.css")
    add_custom_command(
        OUTPUT ${output}
        COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} "-DFILES=${files}" -P ${CMAKE_SOURCE_DIR}/cmake/embed_page.cmake
        DEPENDS ${PLAIT_CHART_JS} ${CMAKE_SOURCE_DIR}/src/perf/report.js ${CMAKE_SOURCE_DIR}/src/perf/report.css
                ${CMAKE_SOURCE_DIR}/cmake/embed_page.cmake
        COMMENT "Embedding the page of plait perf report" VERBATIM)
    set(${variable} ${output} PARENT_SCOPE)
endfunction()
