# Everything that is not ours comes from Debian; .ci/packages names it all.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)

# libarchive is linked statically: the shared one brings libxml2, ICU and
# libstdc++ for formats that nobody here uses (core/archive), and costs every
# start 10 ms.
find_library(CCB_ARCHIVE_STATIC libarchive.a REQUIRED)
find_path(CCB_ARCHIVE_INCLUDE archive.h REQUIRED)
add_library(ccb_archive STATIC ${CMAKE_SOURCE_DIR}/core/archive/formats.c)
target_include_directories(ccb_archive SYSTEM PUBLIC ${CCB_ARCHIVE_INCLUDE})
target_link_options(ccb_archive INTERFACE
    -Wl,-u,archive_write_set_format_xar)
target_link_libraries(ccb_archive PUBLIC ${CCB_ARCHIVE_STATIC} z bz2 lzma
    zstd lz4 nettle)

# llhttp comes as sources in Debian's node-llhttp.
set(llhttp_dir /usr/share/llhttp)
if(NOT EXISTS ${llhttp_dir}/llhttp.c)
  message(FATAL_ERROR "llhttp's sources are missing: install node-llhttp")
endif()
add_library(ccb_llhttp STATIC ${llhttp_dir}/api.c ${llhttp_dir}/http.c
    ${llhttp_dir}/llhttp.c)
target_include_directories(ccb_llhttp SYSTEM PUBLIC /usr/share/include/llhttp)
target_compile_options(ccb_llhttp PRIVATE -w)
