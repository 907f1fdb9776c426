// The interface file that the Go and the Java binding share: fovea.h, and what is said here about it.
//
// generate.sh runs SWIG on it; the output is committed, so that users need no SWIG. Types that the languages see
// differently are in go_types.i and java_types.i. The rest of this file keeps three promises for both:
//
//   errors      a call that fails hands over its status and sentence itself. The sentence is the thread's, and a second
//               call to fetch it might run on another thread.
//   structs     are made all zero with struct_size set, which is their default, on the C heap. Their tensors are set
//               field by field, so that no language has to know the layout of foveaTensor_t.
//   callbacks   are not exposed.
%module capi

%{
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fovea/fovea.h"
%}

%include <stdint.i>
#define FOVEA_API

#if defined(SWIGGO)
%include "go_types.i"
#elif defined(SWIGJAVA)
%include "java_types.i"
#endif

// --- callbacks, and what exists for them
%ignore foveaSetLogCallback;
%ignore foveaLogCallback_t;
%ignore foveaLogLevel_t;
%rename("$ignore", regexmatch$name="^FOVEA_LOG_") "";
%ignore foveaAllocate_t;
%ignore foveaFree_t;
%ignore foveaTask_t;
%ignore foveaParallelFor_t;
%ignore foveaContextCreateInfo_t::allocate;
%ignore foveaContextCreateInfo_t::free;
%ignore foveaContextCreateInfo_t::allocator_user;
%ignore foveaContextCreateInfo_t::parallel_for;
%ignore foveaContextCreateInfo_t::parallel_for_user;

// --- what is handed over in another form
%ignore foveaGetLastErrorMessage;
%ignore foveaReportGetReason;
%ignore foveaTensor_t;
%ignore foveaBounds_t::values;
%rename("$ignore", regexmatch$name="^struct_size$") "";
// Sentinels and initialisers mean nothing outside C.
%rename("$ignore", regexmatch$name="^FOVEA_.*(_MAX_ENUM|_INIT)$") "";

// --- structs: all zero with struct_size set
%define FOVEA_STRUCT(Type)
FOVEA_NEW_MAY_FAIL(Type)
%extend Type {
  Type() {
    Type* self = (Type*)calloc(1, sizeof(Type));
    if (self != NULL) self->struct_size = sizeof(Type);
    return self;
  }
  ~Type() { free($self); }
}
%enddef
FOVEA_STRUCT(foveaContextCreateInfo_t)
FOVEA_STRUCT(foveaContextInfo_t)
FOVEA_STRUCT(foveaBounds_t)
FOVEA_STRUCT(foveaMetadataLimits_t)
FOVEA_STRUCT(foveaPlanArgs_t)
FOVEA_STRUCT(foveaKvWriteArgs_t)
FOVEA_STRUCT(foveaForwardArgs_t)

%{
static void fovea_set_tensor(foveaTensor_t* tensor, void* data, foveaDataType_t dtype, int32_t ndim,
                             const int64_t* shape, const int64_t* strides) {
  tensor->data = data;
  tensor->dtype = dtype;
  tensor->ndim = ndim;
  memcpy(tensor->shape, shape, sizeof(tensor->shape));
  memcpy(tensor->strides, strides, sizeof(tensor->strides));
}
%}

// `shape` and `strides` have room for FOVEA_MAX_DIMS axes, whatever `ndim` says.
%define FOVEA_TENSOR_FIELD(Type, field)
%ignore Type::field;
%extend Type {
  void set_##field(void* data, foveaDataType_t dtype, int32_t ndim, const int64_t* shape, const int64_t* strides) {
    fovea_set_tensor(&$self->field, data, dtype, ndim, shape, strides);
  }
}
%enddef
FOVEA_TENSOR_FIELD(foveaKvWriteArgs_t, key)
FOVEA_TENSOR_FIELD(foveaKvWriteArgs_t, value)
FOVEA_TENSOR_FIELD(foveaKvWriteArgs_t, key_cache)
FOVEA_TENSOR_FIELD(foveaKvWriteArgs_t, value_cache)
FOVEA_TENSOR_FIELD(foveaForwardArgs_t, query)
FOVEA_TENSOR_FIELD(foveaForwardArgs_t, key)
FOVEA_TENSOR_FIELD(foveaForwardArgs_t, value)
FOVEA_TENSOR_FIELD(foveaForwardArgs_t, key_cache)
FOVEA_TENSOR_FIELD(foveaForwardArgs_t, value_cache)
FOVEA_TENSOR_FIELD(foveaForwardArgs_t, output)
FOVEA_TENSOR_FIELD(foveaForwardArgs_t, lse)
FOVEA_TENSOR_FIELD(foveaMergeArgs_t, output)
FOVEA_TENSOR_FIELD(foveaMergeArgs_t, lse)

// The states of a merge are two arrays of tensors, which belong to the struct.
%ignore foveaMergeArgs_t::num_states;
%ignore foveaMergeArgs_t::outputs;
%ignore foveaMergeArgs_t::lses;
FOVEA_NEW_MAY_FAIL(foveaMergeArgs_t)
%extend foveaMergeArgs_t {
  foveaMergeArgs_t(int32_t num_states) {
    const size_t count = num_states > 0 ? (size_t)num_states : 0;
    foveaMergeArgs_t* self = (foveaMergeArgs_t*)calloc(1, sizeof(foveaMergeArgs_t));
    foveaTensor_t* states = (foveaTensor_t*)calloc(2 * count + 1, sizeof(foveaTensor_t));
    if (self == NULL || states == NULL) {
      free(self);
      free(states);
      return NULL;
    }
    self->struct_size = sizeof(foveaMergeArgs_t);
    self->num_states = num_states;
    self->outputs = states;
    self->lses = states + count;
    return self;
  }
  ~foveaMergeArgs_t() {
    free((void*)$self->outputs);
    free($self);
  }
  // An index out of range is left alone; the library then finds that state absent.
  void set_state_output(int32_t index, void* data, foveaDataType_t dtype, int32_t ndim, const int64_t* shape,
                        const int64_t* strides) {
    if (index < 0 || index >= $self->num_states) return;
    fovea_set_tensor((foveaTensor_t*)$self->outputs + index, data, dtype, ndim, shape, strides);
  }
  void set_state_lse(int32_t index, void* data, foveaDataType_t dtype, int32_t ndim, const int64_t* shape,
                     const int64_t* strides) {
    if (index < 0 || index >= $self->num_states) return;
    fovea_set_tensor((foveaTensor_t*)$self->lses + index, data, dtype, ndim, shape, strides);
  }
}

%extend foveaBounds_t {
  // The index runs from 0 to count - 1.
  int32_t value(int32_t index) { return index < 0 || index >= 32 ? 0 : $self->values[index]; }
}

// What the library writes, the languages read.
%immutable foveaContextInfo_t::device;
%immutable foveaContextInfo_t::device_ordinal;
%immutable foveaContextInfo_t::num_threads;
%immutable foveaContextInfo_t::device_name;
%immutable foveaContextInfo_t::architecture;
%immutable foveaBounds_t::min;
%immutable foveaBounds_t::max;
%immutable foveaBounds_t::multiple_of;
%immutable foveaBounds_t::count;

%include "fovea/fovea.h"

%inline %{
/* One reason of a report; the index runs from 0 to foveaReportGetCount - 1, beyond it they are NONE and "". */
static foveaReason_t fovea_report_code(foveaReport_t report, int32_t index) {
  foveaReason_t code = FOVEA_REASON_NONE;
  const char* sentence = NULL;
  (void)foveaReportGetReason(report, index, &code, &sentence);
  return code;
}
static const char* fovea_report_sentence(foveaReport_t report, int32_t index) {
  foveaReason_t code = FOVEA_REASON_NONE;
  const char* sentence = "";
  return foveaReportGetReason(report, index, &code, &sentence) == FOVEA_STATUS_SUCCESS ? sentence : "";
}
%}
