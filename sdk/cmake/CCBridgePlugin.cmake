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
      -Wl,-z,noexecstack -Wl,--version-script=${map})
  # A sanitizer's run-time is in the program, so its symbols stay open here.
  if(NOT CCB_SANITIZE AND NOT CCB_FUZZ AND
      NOT "${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS}" MATCHES "-fsanitize=")
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
  # The host refuses a plugin that others may write, whatever the umask was.
  add_custom_command(TARGET ${name} POST_BUILD
      COMMAND chmod go-w $<TARGET_FILE:${name}> $<TARGET_FILE_DIR:${name}>
      VERBATIM)
endfunction()

# ccb_add_plugin_tests(NAME [GOLDENS DIR...] [CONFIG FILE]): tests of the plugin
# that ccb_add_plugin(NAME) builds. NAME/check is all that the conformance tool
# asks of a plugin; NAME/goldens compares what it answers to the requests in
# DIR with what is expected there, and NAME/check asks them, too. Further DIRs
# are NAME/goldens-DIR, each with a configuration of its own. The target
# NAME-update-goldens writes what it answers now (ccbridge-plugin-call --help
# tells what DIR holds).
function(ccb_add_plugin_tests name)
  cmake_parse_arguments(TEST "" "CONFIG" "GOLDENS" ${ARGN})
  foreach(tool call check)
    if(TARGET ccbridge-plugin-${tool})
      set(${tool} $<TARGET_FILE:ccbridge-plugin-${tool}>)
    elseif(CCBridge_PREFIX)
      find_program(CCBridge_${tool} ccbridge-plugin-${tool} REQUIRED
          NO_DEFAULT_PATH PATHS ${CCBridge_BIN_DIR})
      set(${tool} ${CCBridge_${tool}})
    endif()
  endforeach()
  set(requests)
  if(TEST_GOLDENS)
    list(GET TEST_GOLDENS 0 first)
    cmake_path(ABSOLUTE_PATH first)
    set(requests --requests ${first}/requests)
    if(EXISTS ${first}/facts.json)
      list(APPEND requests --facts ${first}/facts.json)
    endif()
  endif()
  if(check)
    add_test(NAME ${name}/check
        COMMAND ${check} ${requests} $<TARGET_FILE:${name}>)
  endif()
  set(config)
  if(TEST_CONFIG)
    cmake_path(ABSOLUTE_PATH TEST_CONFIG)
    set(config --config ${TEST_CONFIG})
  endif()
  set(test ${name}/goldens)
  set(updates)
  foreach(goldens ${TEST_GOLDENS})
    cmake_path(ABSOLUTE_PATH goldens)
    if(NOT goldens STREQUAL first)
      cmake_path(GET goldens FILENAME folder)
      set(test ${name}/goldens-${folder})
    endif()
    set(words ${config} --goldens ${goldens} $<TARGET_FILE:${name}>)
    add_test(NAME ${test} COMMAND ${call} ${words})
    list(APPEND updates COMMAND ${call} --update ${words})
  endforeach()
  if(updates)
    add_custom_target(${name}-update-goldens ${updates} DEPENDS ${name}
        VERBATIM)
  endif()
endfunction()
