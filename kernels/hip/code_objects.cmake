# What is told of the code objects of amd_kernels.cmake: a manifest for loaders, and a report of what the compiler made of the
# kernels.
#
#   hip-code-objects   <build>/code_objects/manifest.json; part of a build with tests
#   hip-resources      docs/hip_resources.md from them
find_package(Python3 COMPONENTS Interpreter)
if(NOT Python3_FOUND)
  return()
endif()

add_executable(fovea_list_shapes EXCLUDE_FROM_ALL ${CMAKE_CURRENT_SOURCE_DIR}/instances/list_shapes.cc)
target_include_directories(fovea_list_shapes PRIVATE ${PROJECT_SOURCE_DIR})

list(GET FOVEA_HIP_ARCHITECTURES 0 first_architecture)
set(manifest_script ${CMAKE_CURRENT_SOURCE_DIR}/instances/make_manifest.py)
add_custom_command(
  OUTPUT ${code_object_folder}/manifest.json
  COMMAND fovea_list_shapes > ${CMAKE_CURRENT_BINARY_DIR}/shapes.json
  COMMAND ${device_command} --offload-arch=${first_architecture} -fsyntax-only
          -Xclang -fdump-record-layouts-complete ${CMAKE_CURRENT_SOURCE_DIR}/instances/support.hip
          > ${CMAKE_CURRENT_BINARY_DIR}/layouts.txt
  COMMAND ${Python3_EXECUTABLE} ${manifest_script} ${code_object_folder} ${CMAKE_CURRENT_BINARY_DIR}/shapes.json
          ${CMAKE_CURRENT_BINARY_DIR}/layouts.txt ${hip_tools}
  DEPENDS ${code_objects} ${manifest_script} fovea_list_shapes
  COMMENT "Writing ${code_object_folder}/manifest.json"
  VERBATIM)
set(in_all)
if(FOVEA_BUILD_TESTS)
  set(in_all ALL)
endif()
add_custom_target(hip-code-objects ${in_all} DEPENDS ${code_object_folder}/manifest.json)

set(report ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/hip/code_object_report.py ${code_object_folder}
    ${PROJECT_SOURCE_DIR}/docs/hip_resources.md ${hip_tools})
add_custom_target(hip-resources COMMAND ${report} --write DEPENDS ${code_object_folder}/manifest.json VERBATIM)
if(FOVEA_BUILD_TESTS)
  add_test(NAME hip_code_objects COMMAND ${report})
  add_test(NAME hip_code_object_gates COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/hip/code_object_gates_test.py
                                              ${code_object_folder} ${hip_tools})
  set_tests_properties(hip_code_objects hip_code_object_gates PROPERTIES SKIP_RETURN_CODE 77 LABELS nosan)
endif()
