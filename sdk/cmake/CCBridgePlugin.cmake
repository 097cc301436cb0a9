# ccb_add_plugin(NAME SOURCES ...): a lifecycle plugin, NAME.so, in the build's
# plugins/ folder. It sees the SDK's headers only, exports its entry only, and
# has every symbol bound when it is loaded. The same in ccbridge's own tree and
# behind find_package(CCBridge).
function(ccb_add_plugin name)
  cmake_parse_arguments(PLUGIN "" "" "SOURCES" ${ARGN})
  set(map ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin.map)
  add_library(${name} MODULE ${PLUGIN_SOURCES})
  set_target_properties(${name} PROPERTIES PREFIX "" SUFFIX .so
      C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden
      VISIBILITY_INLINES_HIDDEN ON LINK_DEPENDS ${map}
      LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
  # A template's static data must not become one for the whole process: a
  # reloaded plugin would find its predecessor's.
  target_compile_options(${name} PRIVATE
      $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  target_link_libraries(${name} PRIVATE CCBridge::sdk)
  target_link_options(${name} PRIVATE -Wl,-z,now -Wl,-z,relro -Wl,-Bsymbolic
      -Wl,--version-script=${map})
  # A sanitizer's run-time is in the program, so its symbols stay open here.
  if(NOT CCB_SANITIZE AND NOT CCB_FUZZ AND
      NOT "${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS}" MATCHES "-fsanitize=")
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
endfunction()
