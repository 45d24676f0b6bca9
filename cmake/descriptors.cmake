# The descriptors of proto/, compiled into the floor that serves them: protoc writes one set with
# all that the files import, and this file, run as a script, makes a C array of it.
if(CMAKE_SCRIPT_MODE_FILE)
    file(READ ${SET} hex HEX)
    string(REGEX REPLACE "(................................)" "\\1\n    " hex "${hex}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    file(WRITE ${SOURCE} "// Made from proto/ by cmake/descriptors.cmake.
#include \"grpc/own_descriptors.h\"

static const unsigned char set[] = {
    ${bytes}
};

str own_descriptors(void)
{
    return (str){.ptr = (const char *)set, .len = sizeof(set)};
}
")
    return()
endif()

find_program(PROTOC protoc REQUIRED)

function(embed_descriptors target)
    set(set ${CMAKE_BINARY_DIR}/own_descriptors.pb)
    set(source ${CMAKE_BINARY_DIR}/own_descriptors.c)
    file(GLOB_RECURSE protos CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/proto proto/*.proto)
    list(TRANSFORM protos PREPEND ${CMAKE_SOURCE_DIR}/proto/ OUTPUT_VARIABLE inputs)
    add_custom_command(OUTPUT ${source}
        COMMAND ${PROTOC} --proto_path=. --include_imports --descriptor_set_out=${set} ${protos}
        COMMAND ${CMAKE_COMMAND} -DSET=${set} -DSOURCE=${source}
            -P ${CMAKE_SOURCE_DIR}/cmake/descriptors.cmake
        WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/proto
        DEPENDS ${inputs} ${CMAKE_SOURCE_DIR}/cmake/descriptors.cmake
        COMMENT "Descriptors of proto/")
    target_sources(${target} PRIVATE ${source})
endfunction()
