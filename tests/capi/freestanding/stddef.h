/* Just what fovea.h needs, so that a compilation can be sure to find no other header. */
typedef __SIZE_TYPE__ size_t;
#define NULL ((void*)0)
