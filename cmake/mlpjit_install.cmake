# cmake --install: headers, libmlpjit, libmlpjit-codegen and libmlpjit-onnx beside it, the tools, and the package that
# find_package(mlpjit) reads.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set_target_properties(mlpjit PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
  INSTALL_RPATH "$ORIGIN")
install(TARGETS mlpjit EXPORT mlpjitTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT development
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
foreach(companion codegen onnx)
  if(TARGET mlpjit-${companion})
    set_target_properties(mlpjit-${companion} PROPERTIES INSTALL_RPATH "$ORIGIN")
    install(TARGETS mlpjit-${companion} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${companion})
  endif()
endforeach()
foreach(tool mlpjit-bench mlpjit-dump mlpjit-run)
  if(TARGET ${tool})
    set_target_properties(${tool} PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
    install(TARGETS ${tool} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tools)
  endif()
endforeach()
if(TARGET mlpjit-run)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/tools/convert/ DESTINATION ${CMAKE_INSTALL_DATADIR}/mlpjit/convert COMPONENT tools
    PATTERN __pycache__ EXCLUDE PATTERN mlpjit-convert EXCLUDE)
  install(PROGRAMS ${PROJECT_SOURCE_DIR}/tools/convert/mlpjit-convert DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tools)
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/mlpjit DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  COMPONENT development)

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT development)

file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" up ${up})
configure_file(${CMAKE_CURRENT_LIST_DIR}/mlpjit.pc.in ${PROJECT_BINARY_DIR}/mlpjit.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/mlpjit.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/mlpjit)
install(EXPORT mlpjitTargets NAMESPACE mlpjit:: DESTINATION ${package_directory} COMPONENT development)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/mlpjitConfig.cmake.in
  ${PROJECT_BINARY_DIR}/mlpjitConfig.cmake INSTALL_DESTINATION ${package_directory})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/mlpjitConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/mlpjitConfig.cmake ${PROJECT_BINARY_DIR}/mlpjitConfigVersion.cmake
  DESTINATION ${package_directory} COMPONENT development)
