# Kernels for NVIDIA: nvcc makes one object of each source for all architectures.
find_program(FOVEA_CUDA_COMPILER NAMES nvcc HINTS $ENV{CUDA_HOME}/bin $ENV{CUDA_PATH}/bin PATHS /usr/local/cuda/bin
             REQUIRED)
get_filename_component(compiler ${FOVEA_CUDA_COMPILER} REALPATH)
get_filename_component(toolkit ${compiler}/../.. ABSOLUTE)
set(places ${toolkit} ${toolkit}/targets/${CMAKE_SYSTEM_PROCESSOR}-linux)
find_path(FOVEA_CUDA_INCLUDE_DIR cuda_runtime_api.h HINTS ${places} PATH_SUFFIXES include REQUIRED)
find_library(FOVEA_CUDA_LIBRARY cudart_static HINTS ${places} PATH_SUFFIXES lib64 lib REQUIRED)
find_package(Threads REQUIRED)
set(kind nvidia)
set(embedded)
set(runtime ${FOVEA_CUDA_LIBRARY} Threads::Threads ${CMAKE_DL_LIBS} rt)
set(runtime_include ${FOVEA_CUDA_INCLUDE_DIR})
set(definitions FOVEA_HIP_NVIDIA=1)
if("90a" IN_LIST FOVEA_CUDA_ARCHITECTURES)
  # Its tiles have other shapes, which whoever launches has to know.
  list(APPEND definitions FOVEA_CUDA_WGMMA=1)
endif()

set(kernel_command ${FOVEA_CUDA_COMPILER} -x cu -ccbin ${CMAKE_CXX_COMPILER} -Xcompiler=-fPIC,-fvisibility=hidden
                   --expt-relaxed-constexpr -I${FOVEA_CUDA_INCLUDE_DIR} -DFOVEA_HIP_NVIDIA=1 ${kernel_options} ${FOVEA_CUDA_FLAGS})
foreach(architecture IN LISTS FOVEA_CUDA_ARCHITECTURES)
  list(APPEND kernel_command -gencode=arch=compute_${architecture},code=sm_${architecture})
  # "a": with instructions of that architecture alone, on Hopper wgmma. Devices name themselves without it.
  string(REGEX REPLACE "a$" "" device ${architecture})
  list(APPEND embedded sm_${device})
endforeach()

set(kernel_objects)
foreach(source IN LISTS kernel_sources)
  get_filename_component(name ${source} NAME_WE)
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.o)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${kernel_command} -MD -MF ${object}.d -MT ${object} -c ${source} -o ${object}
    DEPENDS ${source}
    DEPFILE ${object}.d
    COMMENT "Building kernels ${name} for ${embedded}"
    COMMAND_EXPAND_LISTS VERBATIM)
  list(APPEND kernel_objects ${object})
endforeach()
