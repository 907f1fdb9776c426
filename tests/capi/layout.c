#include "tests/capi/layout.h"
