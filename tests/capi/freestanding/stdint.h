/* Just what fovea.h needs, so that a compilation can be sure to find no other header. */
typedef __INT32_TYPE__ int32_t;
typedef __UINT32_TYPE__ uint32_t;
typedef __INT64_TYPE__ int64_t;
#define INT64_MAX __INT64_MAX__
