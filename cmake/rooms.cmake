# ccb_room(NAME DEPS ...): core/NAME/*.c as the static library ccb_NAME.
# A room without sources yet is an interface library, so that its dependents
# can be written first.
function(ccb_room name)
  cmake_parse_arguments(ROOM "" "" "DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/core/${name}/*.c)
  if(sources)
    add_library(ccb_${name} STATIC ${sources})
    target_include_directories(ccb_${name} PUBLIC ${CMAKE_SOURCE_DIR}/core)
    target_link_libraries(ccb_${name} PUBLIC ${ROOM_DEPS} Threads::Threads)
  else()
    add_library(ccb_${name} INTERFACE)
    target_include_directories(ccb_${name} INTERFACE ${CMAKE_SOURCE_DIR}/core)
    target_link_libraries(ccb_${name} INTERFACE ${ROOM_DEPS})
  endif()
endfunction()

# ccb_program(NAME ROOM folder DEPS ... LINKS ...): core/ROOM/*.c as a program,
# with links beside it by which it is the historic program of that name.
function(ccb_program name)
  cmake_parse_arguments(PROGRAM "" "ROOM" "DEPS;LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS
      ${CMAKE_SOURCE_DIR}/core/${PROGRAM_ROOM}/*.c)
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/core)
  target_compile_definitions(${name} PRIVATE
      CCB_VERSION="${PROJECT_VERSION}"
      CCB_LIB_DIR="${CMAKE_INSTALL_LIBDIR}"
      CCB_DATA_DIR="${CMAKE_INSTALL_DATADIR}"
      CCB_FULL_LIB_DIR="${CMAKE_INSTALL_FULL_LIBDIR}"
      CCB_FULL_DATA_DIR="${CMAKE_INSTALL_FULL_DATADIR}"
      CCB_FULL_CONFIG_DIR="${CMAKE_INSTALL_FULL_SYSCONFDIR}")
  target_link_libraries(${name} PRIVATE ${PROGRAM_DEPS})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  # After the program, so that its folder is there; below the prefix that is
  # installed to, which --prefix may have changed since this was written.
  foreach(link ${PROGRAM_LINKS})
    add_custom_command(TARGET ${name} POST_BUILD COMMAND ${CMAKE_COMMAND} -E
        create_symlink ${name} ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/${link})
    install(CODE "file(CREATE_LINK ${name} \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/${link}\" SYMBOLIC)")
  endforeach()
endfunction()
