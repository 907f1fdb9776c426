// The DLPack view as C++.
#include "dlpack_test.c"
