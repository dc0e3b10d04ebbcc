option(MLPJIT_BENCH_PEERS "mlpjit-bench links the libraries that it compares with, and has code for this processor alone" ON)

# Models for the runtimes that read ONNX.
find_path(MLPJIT_PROTOZERO_FOLDER protozero/pbf_writer.hpp)
if(MLPJIT_PROTOZERO_FOLDER)
  target_compile_definitions(mlpjit-bench PRIVATE MLPJIT_BENCH_ONNX)
  target_include_directories(mlpjit-bench SYSTEM PRIVATE ${MLPJIT_PROTOZERO_FOLDER})
endif()
# A benchmark to be given away knows only what it opens when it runs.
if(NOT MLPJIT_BENCH_PEERS)
  return()
endif()

# Peers are built into the benchmark alone, and only if they are here. OpenBLAS, ONNX Runtime and OpenVINO are opened
# when it runs and need nothing now.

# oneDNN 2 or 3. Another than the system's is found by -DCMAKE_PREFIX_PATH=FOLDER, which holds include and lib: a virtual
# environment with PyPI's onednn-cpu-gomp and onednn-devel-cpu-gomp is one.
find_path(MLPJIT_DNNL_INCLUDE oneapi/dnnl/dnnl.hpp)
find_library(MLPJIT_DNNL_LIBRARY dnnl)
find_package(OpenMP COMPONENTS CXX)
if(MLPJIT_DNNL_INCLUDE AND MLPJIT_DNNL_LIBRARY AND OpenMP_CXX_FOUND)
  target_compile_definitions(mlpjit-bench PRIVATE MLPJIT_BENCH_ONEDNN)
  target_include_directories(mlpjit-bench SYSTEM PRIVATE ${MLPJIT_DNNL_INCLUDE})
  target_link_libraries(mlpjit-bench PRIVATE ${MLPJIT_DNNL_LIBRARY} OpenMP::OpenMP_CXX)
endif()

# XNNPACK with the interface of 2022, Debian 12's.
find_path(MLPJIT_XNNPACK_INCLUDE xnnpack.h)
find_path(MLPJIT_PTHREADPOOL_INCLUDE pthreadpool.h)
find_library(MLPJIT_XNNPACK_LIBRARY XNNPACK)
if(MLPJIT_XNNPACK_INCLUDE AND MLPJIT_XNNPACK_LIBRARY AND MLPJIT_PTHREADPOOL_INCLUDE)
  include(CheckCXXSourceCompiles)
  set(CMAKE_REQUIRED_INCLUDES ${MLPJIT_XNNPACK_INCLUDE} ${MLPJIT_PTHREADPOOL_INCLUDE})
  set(CMAKE_REQUIRED_LIBRARIES ${MLPJIT_XNNPACK_LIBRARY})
  check_cxx_source_compiles("
    #include <xnnpack.h>
    xnn_status create(xnn_operator_t* op, const float* x, float* y) {
      xnn_create_fully_connected_nc_f32(1, 1, 1, 1, x, x, 0, 1, 0, op);
      return xnn_setup_fully_connected_nc_f32(*op, 1, x, y, nullptr);
    }
    int main() { return 0; }" MLPJIT_XNNPACK_FITS)
  unset(CMAKE_REQUIRED_INCLUDES)
  unset(CMAKE_REQUIRED_LIBRARIES)
endif()
if(MLPJIT_XNNPACK_FITS)
  target_compile_definitions(mlpjit-bench PRIVATE MLPJIT_BENCH_XNNPACK)
  target_include_directories(mlpjit-bench SYSTEM PRIVATE ${MLPJIT_XNNPACK_INCLUDE} ${MLPJIT_PTHREADPOOL_INCLUDE})
  target_link_libraries(mlpjit-bench PRIVATE ${MLPJIT_XNNPACK_LIBRARY})
endif()

# LIBXSMM 1. What it falls back to without a kernel is the BLAS of libxsmmnoblas: none, and never called here.
find_path(MLPJIT_LIBXSMM_INCLUDE libxsmm.h)
find_library(MLPJIT_LIBXSMM_LIBRARY xsmm)
find_library(MLPJIT_LIBXSMM_NOBLAS_LIBRARY xsmmnoblas)
if(MLPJIT_LIBXSMM_INCLUDE AND MLPJIT_LIBXSMM_LIBRARY AND MLPJIT_LIBXSMM_NOBLAS_LIBRARY)
  target_compile_definitions(mlpjit-bench PRIVATE MLPJIT_BENCH_LIBXSMM)
  target_include_directories(mlpjit-bench SYSTEM PRIVATE ${MLPJIT_LIBXSMM_INCLUDE})
  target_link_libraries(mlpjit-bench PRIVATE ${MLPJIT_LIBXSMM_LIBRARY} ${MLPJIT_LIBXSMM_NOBLAS_LIBRARY}
                                             Threads::Threads ${CMAKE_DL_LIBS} rt m)
endif()

# What is compiled for this CPU: apart from other files, with the contraction that a user's build has.
set(native ${CMAKE_CURRENT_SOURCE_DIR}/peers/activate.cpp ${CMAKE_CURRENT_SOURCE_DIR}/peers/eigen.cpp
           ${CMAKE_CURRENT_SOURCE_DIR}/peers/eigen_kernels.cpp ${CMAKE_CURRENT_SOURCE_DIR}/peers/plain.cpp)
set_source_files_properties(${native} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON SKIP_PRECOMPILE_HEADERS ON
  COMPILE_OPTIONS "-O3;-march=native;-ffp-contract=fast;-DNDEBUG")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # 12 warns of its own header of AVX-512
  set_property(SOURCE ${native} APPEND PROPERTY COMPILE_OPTIONS -Wno-maybe-uninitialized)
else()  # Clang 19 warns of the CPU that it found, and of options that are taken back
  set_property(SOURCE ${native} APPEND PROPERTY COMPILE_OPTIONS
    -Wno-unknown-warning-option -Wno-invalid-feature-combination -Wno-overriding-option)
endif()
find_package(Eigen3 3 QUIET CONFIG)
if(Eigen3_FOUND)
  get_target_property(eigen Eigen3::Eigen INTERFACE_INCLUDE_DIRECTORIES)
  target_include_directories(mlpjit-bench SYSTEM PRIVATE ${eigen})
  set_property(SOURCE ${CMAKE_CURRENT_SOURCE_DIR}/peers/eigen.cpp ${CMAKE_CURRENT_SOURCE_DIR}/peers/eigen_kernels.cpp
               PROPERTY COMPILE_DEFINITIONS MLPJIT_BENCH_EIGEN)
endif()
# Never for the link, which would have every thread flush subnormal numbers.
set_property(SOURCE ${CMAKE_CURRENT_SOURCE_DIR}/peers/plain.cpp APPEND PROPERTY COMPILE_OPTIONS -ffast-math)

message(STATUS "mlpjit-bench: oneDNN ${MLPJIT_DNNL_LIBRARY}, Eigen ${Eigen3_VERSION}, XNNPACK "
               "${MLPJIT_XNNPACK_LIBRARY}, LIBXSMM ${MLPJIT_LIBXSMM_LIBRARY}")
