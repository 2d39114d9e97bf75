# cmake -DOUTPUT=FILE.c "-DMODULES=A.py;B.py" -P embed_script.cmake: writes the modules as byte arrays with a table.
set(arrays "")
set(rows "")
foreach(module IN LISTS MODULES)
    get_filename_component(name ${module} NAME_WE)
    file(READ ${module} bytes HEX)
    string(LENGTH "${bytes}" digits)
    math(EXPR size "${digits} / 2")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    string(REGEX REPLACE "(................................................................................)" "\\1\n"
           bytes "${bytes}")
    string(APPEND arrays "static const unsigned char ${name}_text[] = {\n${bytes}0x00};\n")
    string(APPEND rows "    {\"${name}\", (const char *)${name}_text, ${size}},\n")
endforeach()
file(WRITE ${OUTPUT} "/* Written by cmake/embed_script.cmake from src/library/. */
#include \"elaborate/elaborate.h\"

${arrays}
const library_file library_files[] = {
${rows}    {NULL, NULL, 0},
};
")
