# Debian packages: ccbridge (daemon, command, plugins) and ccbridge-sdk (what a
# plugin's author needs). They hold what `cmake --install` installs, below the
# prefix that the build was configured for, since the programs know it: `make
# package` takes /usr.

# Policies of plugins.
install(FILES ${CMAKE_CURRENT_LIST_DIR}/plugins.d.txt RENAME README
    DESTINATION ${CCB_CONFIG_DIR}/plugins.d)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE RENAME copyright
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/ccbridge)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE RENAME copyright COMPONENT sdk
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/ccbridge-sdk)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME ccbridge)
set(CPACK_PACKAGE_VENDOR ccbridge)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The ccbridge maintainers <ccbridge@localhost>")
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_STRIP_FILES ON)
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)

# Everything without a component of its own is the daemon's package.
set(CPACK_COMPONENTS_ALL Unspecified sdk)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)

set(CPACK_DEBIAN_UNSPECIFIED_PACKAGE_NAME ccbridge)
set(CPACK_DEBIAN_UNSPECIFIED_PACKAGE_SECTION net)
set(CPACK_DEBIAN_UNSPECIFIED_PACKAGE_RECOMMENDS bubblewrap)
set(CPACK_DEBIAN_UNSPECIFIED_PACKAGE_SUGGESTS ccbridge-sdk)
set(CPACK_COMPONENT_UNSPECIFIED_DESCRIPTION
"bridge from the Cloud Controller to Diego, with lifecycle plugins
One daemon in the place of stager, nsync, tps, file server and cc-uploader of
Cloud Foundry's CC bridge. How apps of one kind are staged and run is known by
plugins; those for buildpacks, docker images and Windows are in here, and so
is a cell that runs apps on this machine alone.")
set(CPACK_DEBIAN_UNSPECIFIED_PACKAGE_CONTROL_EXTRA
    ${CMAKE_CURRENT_LIST_DIR}/systemd/postinst)
if(CCB_CONFIG_DIR MATCHES "^/")
  file(WRITE ${CMAKE_BINARY_DIR}/conffiles
      ${CCB_CONFIG_DIR}/plugins.d/README "\n" ${CCB_CONFIG_DIR}/all.json "\n")
  list(APPEND CPACK_DEBIAN_UNSPECIFIED_PACKAGE_CONTROL_EXTRA
      ${CMAKE_BINARY_DIR}/conffiles)
endif()

set(CPACK_DEBIAN_SDK_PACKAGE_NAME ccbridge-sdk)
set(CPACK_DEBIAN_SDK_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_SDK_PACKAGE_RECOMMENDS
    "ccbridge, gcc | c-compiler, libc6-dev | libc-dev, cmake | pkg-config, make")
set(CPACK_COMPONENT_SDK_DESCRIPTION
"what authors of lifecycle plugins for ccbridge need
The public headers, the helper library, pkg-config file and CMake package, the
project that `ccbridge plugin new` begins with, and the programs that ask a
plugin without a daemon and that check what a host asks of it.")
include(CPack)
