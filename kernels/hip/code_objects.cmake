# Code objects of all kernels for each architecture, for whoever has a loader of their own, and a report of what the compiler
# made of them. Not part of a normal build: it compiles every kernel once more.
#
#   hip-code-objects   <build>/code_objects/<architecture>/*.hsaco and manifest.json
#   hip-resources      docs/hip_resources.md from them
find_package(Python3 REQUIRED COMPONENTS Interpreter)
get_filename_component(code_object_tools ${FOVEA_HIP_COMPILER} REALPATH)
get_filename_component(code_object_tools ${code_object_tools} DIRECTORY)
set(code_object_folder ${PROJECT_BINARY_DIR}/code_objects)
set(code_object_options -x hip --cuda-device-only -nogpuinc -nogpulib ${kernel_options})

set(code_objects)
foreach(architecture IN LISTS FOVEA_HIP_ARCHITECTURES)
  file(MAKE_DIRECTORY ${code_object_folder}/${architecture})
  foreach(source IN LISTS kernel_sources)
    get_filename_component(name ${source} NAME_WE)
    set(object ${code_object_folder}/${architecture}/${name}.hsaco)
    set(depfile ${CMAKE_CURRENT_BINARY_DIR}/${architecture}_${name}.d)
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${FOVEA_HIP_COMPILER} ${code_object_options} --no-gpu-bundle-output --offload-arch=${architecture}
              -mcode-object-version=5 -Xclang -dependency-file -Xclang ${depfile} -Xclang -MT -Xclang ${object}
              -c ${source} -o ${object}
      DEPENDS ${source}
      DEPFILE ${depfile}
      COMMENT "Building code object ${name} for ${architecture}"
      VERBATIM)
    list(APPEND code_objects ${object})
  endforeach()
endforeach()

add_executable(fovea_list_shapes EXCLUDE_FROM_ALL ${CMAKE_CURRENT_SOURCE_DIR}/instances/list_shapes.cc)
target_include_directories(fovea_list_shapes PRIVATE ${PROJECT_SOURCE_DIR})

list(GET FOVEA_HIP_ARCHITECTURES 0 first_architecture)
set(manifest_script ${CMAKE_CURRENT_SOURCE_DIR}/instances/make_manifest.py)
add_custom_command(
  OUTPUT ${code_object_folder}/manifest.json
  COMMAND fovea_list_shapes > ${CMAKE_CURRENT_BINARY_DIR}/shapes.json
  COMMAND ${FOVEA_HIP_COMPILER} ${code_object_options} --offload-arch=${first_architecture} -fsyntax-only
          -Xclang -fdump-record-layouts-complete ${CMAKE_CURRENT_SOURCE_DIR}/instances/support.hip
          > ${CMAKE_CURRENT_BINARY_DIR}/layouts.txt
  COMMAND ${Python3_EXECUTABLE} ${manifest_script} ${code_object_folder} ${CMAKE_CURRENT_BINARY_DIR}/shapes.json
          ${CMAKE_CURRENT_BINARY_DIR}/layouts.txt ${code_object_tools}
  DEPENDS ${code_objects} ${manifest_script} fovea_list_shapes
  COMMENT "Writing ${code_object_folder}/manifest.json"
  VERBATIM)
add_custom_target(hip-code-objects DEPENDS ${code_object_folder}/manifest.json)

set(report ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/hip/code_object_report.py ${code_object_folder}
    ${PROJECT_SOURCE_DIR}/docs/hip_resources.md ${code_object_tools})
add_custom_target(hip-resources COMMAND ${report} --write DEPENDS ${code_object_folder}/manifest.json VERBATIM)
if(FOVEA_BUILD_TESTS)
  add_test(NAME hip_code_objects COMMAND ${report})
  set_tests_properties(hip_code_objects PROPERTIES SKIP_RETURN_CODE 77 LABELS nosan)
endif()
