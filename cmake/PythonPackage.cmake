# The package as it runs from the build tree: the extension and the libraries beside links to python/plait/*.py, so
# that PYTHONPATH=<build>/python is all it takes.
find_package(Python 3.10 REQUIRED COMPONENTS Interpreter Development.Module NumPy)

file(GLOB_RECURSE package_modules RELATIVE ${CMAKE_SOURCE_DIR}/python/plait CONFIGURE_DEPENDS
     ${CMAKE_SOURCE_DIR}/python/plait/*.py ${CMAKE_SOURCE_DIR}/python/plait/*.pyi)
foreach(module IN LISTS package_modules)
    get_filename_component(folder ${PLAIT_PACKAGE_DIR}/${module} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    file(CREATE_LINK ${CMAKE_SOURCE_DIR}/python/plait/${module} ${PLAIT_PACKAGE_DIR}/${module} SYMBOLIC)
endforeach()

file(GLOB extension_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/python/plait/*.c)
if(extension_sources AND TARGET plait_rt)
    python_add_library(_plait MODULE WITH_SOABI ${extension_sources})
    plait_compile_options(_plait)
    target_link_libraries(_plait PRIVATE Python::NumPy plait_rt dl)
    # Headers that are not ours do not keep our warnings.
    get_target_property(numpy_includes Python::NumPy INTERFACE_INCLUDE_DIRECTORIES)
    target_include_directories(_plait SYSTEM BEFORE PRIVATE ${Python_INCLUDE_DIRS} ${numpy_includes})
    set_target_properties(_plait PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PLAIT_PACKAGE_DIR} INSTALL_RPATH "$ORIGIN"
                                            BUILD_RPATH "$ORIGIN")
endif()
