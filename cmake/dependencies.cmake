# Everything that is not ours comes from Debian; .ci/packages names it all.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(ARCHIVE REQUIRED IMPORTED_TARGET libarchive)

# llhttp comes as sources in Debian's node-llhttp.
set(llhttp_dir /usr/share/llhttp)
if(NOT EXISTS ${llhttp_dir}/llhttp.c)
  message(FATAL_ERROR "llhttp's sources are missing: install node-llhttp")
endif()
add_library(ccb_llhttp STATIC ${llhttp_dir}/api.c ${llhttp_dir}/http.c
    ${llhttp_dir}/llhttp.c)
target_include_directories(ccb_llhttp SYSTEM PUBLIC /usr/share/include/llhttp)
target_compile_options(ccb_llhttp PRIVATE -w)
