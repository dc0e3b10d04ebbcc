# How every target of mlpjit is built: C++20, the numerics contract's flags, warnings, hidden symbols.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
# Not CMake's -O3: no hot loop is left to the compiler, and libmlpjit would be a fifth larger.
if(CMAKE_CXX_FLAGS_RELEASE STREQUAL "-O3 -DNDEBUG")
  set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
endif()
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)

if(MLPJIT_UNITY)
  set(CMAKE_UNITY_BUILD ON)
  set(CMAKE_UNITY_BUILD_BATCH_SIZE 8)
endif()

find_program(MLPJIT_CCACHE ccache)
if(MLPJIT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # As it asks for where headers are precompiled; and what is compiled in one tree serves in a copy of it.
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}
      CCACHE_NOHASHDIR=1 ${MLPJIT_CCACHE})
endif()
find_program(MLPJIT_LLD NAMES ld.lld-19 ld.lld)
if(MLPJIT_LLD)
  # GCC looks for `ld.lld` by that name, wherever -B says.
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/linker)
  file(CREATE_LINK ${MLPJIT_LLD} ${PROJECT_BINARY_DIR}/linker/ld.lld SYMBOLIC)
  add_link_options(-fuse-ld=lld -B${PROJECT_BINARY_DIR}/linker)
endif()

# The contract: no contraction of a*b+c that the source does not ask for, never fast-math.
add_compile_options(-ffp-contract=off)
# What nobody calls is left out of the libraries.
add_compile_options(-ffunction-sections -fdata-sections)
add_link_options(-Wl,--gc-sections)
# A call looks at a dozen variables of its thread; asking the loader for each took a sixth of the time of a small one.
# They are a few hundred bytes (a test holds that), for which glibc keeps room where the library is opened later, too.
add_compile_options(-ftls-model=initial-exec)
# GCC splits cold code off into parts that may be empty; lld keeps the unwind entry of an empty part, at the address of
# some other function, and an exception through that one aborts (seen with GCC 12 and lld 19).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-fno-reorder-blocks-and-partition)
  # It collects its garbage from 128 MB on: a tenth of the time, in a compile that ends at 500.
  add_compile_options(--param=ggc-min-heapsize=1048576)
else()
  # Clang moves arithmetic out of where the environment of floating point is set, unless told that it is read there.
  add_compile_options(-frounding-math -ffp-exception-behavior=strict)
endif()
if(MLPJIT_WARNINGS)
  add_compile_options(-Wall -Wextra)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-restrict)  # false alarms of GCC 12 on std::string's operator+ (GCC bug 105651)
    if(MLPJIT_UNITY)
      add_compile_options(-Wno-maybe-uninitialized)  # and on destructors within std::optional, the more it inlines
    endif()
  else()
    add_compile_options(-Wno-deprecated-declarations)  # Clang sees one within std::stable_sort of libstdc++ 12
  endif()
  option(MLPJIT_WERROR "Warnings are errors" OFF)
  if(MLPJIT_WERROR)
    add_compile_options(-Werror)
  endif()
endif()

# RapidJSON 1.1.0, Debian's, assigns to a member that is constant. Clang from 19 on does not read over that, so it gets
# a copy without.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 19)
  set(patched ${PROJECT_BINARY_DIR}/patched/rapidjson)
  if(NOT EXISTS ${patched}/done)  # once: what was written anew would be compiled anew
    find_path(MLPJIT_RAPIDJSON_FOLDER rapidjson/document.h REQUIRED)
    file(COPY ${MLPJIT_RAPIDJSON_FOLDER}/rapidjson DESTINATION ${PROJECT_BINARY_DIR}/patched)
    file(READ ${patched}/document.h text)
    string(REPLACE "{ s = rhs.s; length = rhs.length; }" "= delete;" text "${text}")
    file(WRITE ${patched}/document.h "${text}")
    file(TOUCH ${patched}/done)
  endif()
  include_directories(BEFORE SYSTEM ${PROJECT_BINARY_DIR}/patched)
endif()

set(MLPJIT_SANITIZE "" CACHE STRING "Sanitizers, as in -fsanitize=")
set(MLPJIT_ALL_DEFINED -Wl,-z,defs)  # of a shared library
if(MLPJIT_SANITIZE)
  set(MLPJIT_ALL_DEFINED "")  # Clang's runtime of the sanitizers is the program's
  add_compile_options(-fsanitize=${MLPJIT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${MLPJIT_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # Code made at run time has no types of functions in front of it.
    add_compile_options(-fno-sanitize=function -fsanitize-ignorelist=${CMAKE_CURRENT_LIST_DIR}/sanitize_ignore.txt)
  endif()
endif()

find_package(fmt REQUIRED CONFIG)
find_package(spdlog REQUIRED CONFIG)
find_package(cereal REQUIRED CONFIG)
find_package(hwy REQUIRED CONFIG)
find_package(TBB REQUIRED CONFIG)
find_package(Threads REQUIRED)

# Headers are precompiled: the standard library's and fmt's are most of what nearly every file reads.
if(MLPJIT_SANITIZE)  # targets differ in their flags
  set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON)
endif()
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/precompiled/library.cpp CONTENT "")  # a target wants a source
add_library(mlpjit_precompiled OBJECT ${PROJECT_BINARY_DIR}/precompiled/library.cpp)
target_link_libraries(mlpjit_precompiled PRIVATE fmt::fmt)
target_precompile_headers(mlpjit_precompiled PRIVATE
  <algorithm> <array> <atomic> <cstdint> <cstring> <functional> <map> <memory> <mutex> <optional> <span> <string>
  <unordered_map> <utility> <vector> <fmt/format.h>)
function(mlpjit_precompile name)
  target_precompile_headers(${name} REUSE_FROM mlpjit_precompiled)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT MLPJIT_SANITIZE)
    # GCC 12 takes precompiled headers of the standard library for ours, and warns of what it thinks of them.
    target_compile_options(${name} PRIVATE -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds)
  endif()
endfunction()

# A library of the compiler: static, position-independent, linked into libmlpjit whole.
function(mlpjit_component name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PRIVATE" ${ARGN})
  add_library(mlpjit_${name} STATIC ${ARG_SOURCES})
  target_include_directories(mlpjit_${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(mlpjit_${name} PUBLIC ${ARG_DEPENDS} PRIVATE ${ARG_PRIVATE})
endfunction()
