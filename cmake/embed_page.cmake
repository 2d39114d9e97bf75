# cmake -DOUTPUT=FILE.c "-DFILES=name=FILE;…" -P embed_page.cmake: each file as an array of characters that ends with a NUL.
set(arrays "")
foreach(pair IN LISTS FILES)
    string(REGEX MATCH "^([^=]+)=(.*)$" matched "${pair}")
    set(name ${CMAKE_MATCH_1})
    file(READ ${CMAKE_MATCH_2} bytes HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${bytes}")
    string(APPEND arrays "const char ${name}[] = {${bytes}0};\n")
endforeach()
file(WRITE ${OUTPUT} "/* Written by cmake/embed_page.cmake. */
#include \"perf/perf.h\"

${arrays}")
