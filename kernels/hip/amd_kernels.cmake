# Kernels for AMD. Each source is compiled once for each architecture, to a code object; the code objects of a source are
# bundled, and its host object, with a symbol for each kernel, embeds the bundle. These are the steps of the compiler's own
# `clang -x hip --offload-arch=... -c`, taken one by one: they run side by side, and the code objects lie there for whoever has
# a loader of their own.
#
#   <build>/code_objects/<architecture>/<source>.hsaco
find_program(FOVEA_HIP_COMPILER NAMES clang++-22 amdclang++ clang++ HINTS $ENV{ROCM_PATH}/llvm/bin
             PATHS /opt/rocm/llvm/bin REQUIRED)
find_path(FOVEA_HIP_INCLUDE_DIR hip/hip_runtime_api.h HINTS $ENV{ROCM_PATH}/include PATHS /opt/rocm/include REQUIRED)
find_library(FOVEA_HIP_LIBRARY amdhip64 HINTS $ENV{ROCM_PATH}/lib PATHS /opt/rocm/lib REQUIRED)
get_filename_component(hip_tools ${FOVEA_HIP_COMPILER} REALPATH)
get_filename_component(hip_tools ${hip_tools} DIRECTORY)
find_program(FOVEA_HIP_BUNDLER clang-offload-bundler HINTS ${hip_tools} NO_DEFAULT_PATH REQUIRED)

set(kind amd)
set(embedded ${FOVEA_HIP_ARCHITECTURES})
set(runtime ${FOVEA_HIP_LIBRARY})
set(runtime_include ${FOVEA_HIP_INCLUDE_DIR})
set(definitions __HIP_PLATFORM_AMD__=1)

# Our own __global__ and builtins: HIP's device headers and libraries are of another compiler.
set(hip_command ${FOVEA_HIP_COMPILER} -x hip -nogpuinc -nogpulib -Wall -Wextra ${kernel_options})
set(device_command ${hip_command} --cuda-device-only --no-gpu-bundle-output -mcode-object-version=5)
set(host_command ${hip_command} --cuda-host-only -fPIC -fvisibility=hidden -idirafter ${FOVEA_HIP_INCLUDE_DIR}
                 -D__HIP_PLATFORM_AMD__=1)
set(code_object_folder ${PROJECT_BINARY_DIR}/code_objects)
file(GLOB_RECURSE kernel_headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.h)

# The driver writes no dependencies for a device, its frontend does. A launcher that takes the object from a cache does not
# bring them along; it looks at the headers by itself, so any of them may start it.
function(add_code_object source architecture object)
  get_filename_component(name ${source} NAME_WE)
  set(depfile ${CMAKE_CURRENT_BINARY_DIR}/${architecture}_${name}.d)
  if(CMAKE_CXX_COMPILER_LAUNCHER)
    set(dependencies DEPENDS ${source} ${kernel_headers})
  else()
    set(dependencies DEPENDS ${source} DEPFILE ${depfile})
    set(write_dependencies -Xclang -dependency-file -Xclang ${depfile} -Xclang -MT -Xclang ${object})
  endif()
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} ${device_command} --offload-arch=${architecture} ${write_dependencies} -c ${source} -o ${object}
    ${dependencies}
    COMMENT "Building kernels ${name} for ${architecture}"
    COMMAND_EXPAND_LISTS VERBATIM)
endfunction()

set(code_objects)
set(kernel_objects)
foreach(source IN LISTS kernel_sources)
  get_filename_component(name ${source} NAME_WE)
  # A bundle begins with an entry of the host, which is empty.
  set(targets host-${CMAKE_SYSTEM_PROCESSOR}-unknown-linux-gnu)
  set(inputs -input=/dev/null)
  set(of_source)
  foreach(architecture IN LISTS FOVEA_HIP_ARCHITECTURES)
    file(MAKE_DIRECTORY ${code_object_folder}/${architecture})
    set(object ${code_object_folder}/${architecture}/${name}.hsaco)
    add_code_object(${source} ${architecture} ${object})
    list(APPEND of_source ${object})
    string(APPEND targets ",hipv4-amdgcn-amd-amdhsa--${architecture}")
    list(APPEND inputs -input=${object})
  endforeach()
  # Not through a launcher, which would not know that the bundle is read.
  set(bundle ${CMAKE_CURRENT_BINARY_DIR}/${name}.hipfb)
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.o)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${FOVEA_HIP_BUNDLER} -type=o -bundle-align=4096 -targets=${targets} ${inputs} -output=${bundle}
    COMMAND ${host_command} -Xclang -fcuda-include-gpubinary -Xclang ${bundle} -MD -MF ${object}.d -MT ${object} -c ${source}
            -o ${object}
    DEPENDS ${source} ${of_source}
    DEPFILE ${object}.d
    BYPRODUCTS ${bundle}
    COMMENT "Bundling kernels ${name}"
    COMMAND_EXPAND_LISTS VERBATIM)
  list(APPEND code_objects ${of_source})
  list(APPEND kernel_objects ${object})
endforeach()
