# Install rules and packages of the library. Included by capi/CMakeLists.txt after the target `fovea` exists; the
# generated headers are in ${CMAKE_CURRENT_BINARY_DIR}/include/fovea.
#
#   find_package(fovea CONFIG)   ->  target fovea::fovea
#   pkg-config fovea
#
# Both find the library from their own place, so an installed tree may be moved.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

install(TARGETS fovea EXPORT fovea-targets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT development
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES include/fovea/fovea.h include/fovea/fovea_dlpack.h
              ${CMAKE_CURRENT_BINARY_DIR}/include/fovea/fovea_export.h
              ${CMAKE_CURRENT_BINARY_DIR}/include/fovea/fovea_version.h
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/fovea COMPONENT development)

set(fovea_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/fovea)
install(EXPORT fovea-targets NAMESPACE fovea:: FILE fovea-targets.cmake DESTINATION ${fovea_cmake_dir}
        COMPONENT development)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/fovea-config.cmake.in
                              ${CMAKE_CURRENT_BINARY_DIR}/fovea-config.cmake INSTALL_DESTINATION ${fovea_cmake_dir}
                              NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/fovea-config-version.cmake
                                 VERSION ${PROJECT_VERSION} COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/fovea-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/fovea-config-version.cmake
        DESTINATION ${fovea_cmake_dir} COMPONENT development)

# An absolute CMAKE_INSTALL_LIBDIR or CMAKE_INSTALL_INCLUDEDIR is legal; then the package cannot be moved.
if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
  set(fovea_pc_prefix ${CMAKE_INSTALL_PREFIX})
  set(fovea_pc_libdir ${CMAKE_INSTALL_LIBDIR})
else()
  file(RELATIVE_PATH fovea_pc_up /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
  string(REGEX REPLACE "/$" "" fovea_pc_up ${fovea_pc_up})
  set(fovea_pc_prefix "\${pcfiledir}/${fovea_pc_up}")
  set(fovea_pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(IS_ABSOLUTE ${CMAKE_INSTALL_INCLUDEDIR})
  set(fovea_pc_includedir ${CMAKE_INSTALL_INCLUDEDIR})
else()
  set(fovea_pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/fovea.pc.in ${CMAKE_CURRENT_BINARY_DIR}/fovea.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/fovea.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
