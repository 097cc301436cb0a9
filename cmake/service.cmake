# What a service manager and a person find of the daemon: units, the user they
# run as, the configuration of `all`, manual page and completion.

# Where configuration is installed: in /etc as Debian has it, else below the
# prefix, whatever that is when it comes to installing.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(CCB_CONFIG_DIR /etc/ccbridge)
else()
  set(CCB_CONFIG_DIR ${CMAKE_INSTALL_SYSCONFDIR}/ccbridge)
endif()

# The units name paths, so they are written when the prefix is known.
set(systemd ${CMAKE_CURRENT_LIST_DIR}/systemd)
foreach(unit ccbridged.service ccbridged@.service)
  install(CODE "
    set(bin \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
    cmake_path(ABSOLUTE_PATH bin NORMALIZE)
    set(config \"${CCB_CONFIG_DIR}\")
    cmake_path(ABSOLUTE_PATH config BASE_DIRECTORY \"\${CMAKE_INSTALL_PREFIX}\")
    configure_file(\"${systemd}/${unit}.in\"
        \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib/systemd/system/${unit}\"
        @ONLY)")
endforeach()
install(FILES ${systemd}/sysusers.conf RENAME ccbridge.conf
    DESTINATION lib/sysusers.d)
install(FILES ${systemd}/all.json DESTINATION ${CCB_CONFIG_DIR}
    PERMISSIONS OWNER_READ OWNER_WRITE)

add_custom_command(TARGET ccbridged POST_BUILD
    COMMAND ccbridged man > ${CMAKE_BINARY_DIR}/ccbridged.8
    COMMAND ccbridged completion bash > ${CMAKE_BINARY_DIR}/ccbridged.bash)
install(FILES ${CMAKE_BINARY_DIR}/ccbridged.8
    DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
set(completions ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${CMAKE_BINARY_DIR}/ccbridged.bash RENAME ccbridged
    DESTINATION ${completions})
# bash-completion looks for a file by the command's name.
foreach(link ${CCB_HISTORIC})
  install(CODE "file(CREATE_LINK ccbridged \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${completions}/${link}\" SYMBOLIC)")
endforeach()
