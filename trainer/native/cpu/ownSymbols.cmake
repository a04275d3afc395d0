# Refuses an object that was compiled for one instruction set and defines a symbol outside of its own namespace.
#
# If several objects define an inline function, the linker keeps the first object's copy. A copy compiled for AVX-512
# would crash a machine without it. Local symbols are safe; all others must be named by the namespace of the instruction
# set, or be instances of templates over its types.
#
#   cmake -DNM=nm -DISA=avx512 -DOBJECT=cpu.cc.o -P ownSymbols.cmake
cmake_minimum_required(VERSION 3.22)
execute_process(COMMAND ${NM} --defined-only --extern-only --format=posix ${OBJECT}
  OUTPUT_VARIABLE output OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(LENGTH "${ISA}" length)
string(REPLACE "\n" ";" symbols "${output}")
list(FILTER symbols EXCLUDE REGEX "${length}${ISA}")
if(symbols)
  list(JOIN symbols "\n  " names)
  message(FATAL_ERROR
    "${OBJECT} defines symbols that are not of luthier::${ISA}, and the linker may use them on any machine:\n  ${names}\n"
    "Put them into namespace luthier::LUTHIER_ISA, or make them constexpr data or macros.")
endif()
