// Go: how the types of fovea.h appear in the generated package.
//
// SWIG's own choices are wrong here: `const int32_t*` would become `*int`, which is 64 bits wide, so that the library
// would read two elements for each one that was meant; `void*` would become `uintptr`, which cgo's pointer checks do not
// see.

%insert(cgo_comment_typedefs) %{
#cgo pkg-config: fovea
#cgo CFLAGS: -fno-strict-aliasing
%}

%typemap(gotype) int32_t "int32"
%typemap(gotype) int64_t "int64"
%typemap(gotype) uint32_t "uint32"
%typemap(gotype) uintptr_t "uintptr"
%typemap(gotype) int32_t *, const int32_t * "*int32"
%typemap(gotype) int64_t *, const int64_t * "*int64"
%typemap(gotype) float *, const float * "*float32"
%typemap(gotype) size_t * "*uintptr"
%typemap(gotype) void *, const void * "unsafe.Pointer"

// Enumerations have 32 bits in the ABI; the package fovea gives them their names.
%typemap(gotype) enum SWIGTYPE "int32"
%typemap(gotype) foveaBackend_t * "*int32"

%typemap(gotype) (char *reason, size_t reason_size) "[]byte"
%typemap(in) (char *reason, size_t reason_size) %{
  $1 = (char*)$input.array;
  $2 = (size_t)$input.len;
%}

// Texts of the library outlive the call, so Go copies them and the wrapper need not.
%go_import("strings")
%typemap(out) char *, char [ANY] %{
  $result.p = (char*)$1;
  $result.n = $1 == NULL ? 0 : (intgo)strlen($1);
%}
%typemap(goout) char *, char [ANY] "$result = strings.Clone($1)"

// --- handles: one type each, so that none is taken for another
%define FOVEA_HANDLE(Name)
%typemap(gotype) fovea##Name##_t "Name"
%typemap(imtype) fovea##Name##_t "uintptr"
%typemap(goin) fovea##Name##_t "$result = uintptr($input)"
%typemap(gotype) fovea##Name##_t * "*" #Name
%insert(go_wrapper) %{
type Name uintptr
%}
%enddef
FOVEA_HANDLE(Context)
FOVEA_HANDLE(Config)
FOVEA_HANDLE(Report)
FOVEA_HANDLE(Metadata)
FOVEA_HANDLE(Attention)
%apply foveaAttention_t { struct foveaAttention_st * };

// --- errors: a failure is copied to the C heap before the call returns to Go
%{
typedef struct {
  foveaStatus_t status;
  char message[1];
} fovea_failure;

static fovea_failure fovea_failure_lost = {FOVEA_STATUS_OUT_OF_MEMORY, ""};

static uintptr_t fovea_failure_of(foveaStatus_t status) {
  const char* message;
  size_t length;
  fovea_failure* failure;
  if (status == FOVEA_STATUS_SUCCESS) return 0;
  message = foveaGetLastErrorMessage();
  length = strlen(message);
  failure = (fovea_failure*)malloc(sizeof(fovea_failure) + length);
  if (failure == NULL) return (uintptr_t)&fovea_failure_lost;
  failure->status = status;
  memcpy(failure->message, message, length + 1);
  return (uintptr_t)failure;
}
%}
%inline %{
static foveaStatus_t fovea_failure_status(uintptr_t failure) { return ((const fovea_failure*)failure)->status; }
static const char* fovea_failure_message(uintptr_t failure) { return ((const fovea_failure*)failure)->message; }
static void fovea_failure_free(uintptr_t failure) {
  if (failure != (uintptr_t)&fovea_failure_lost) free((void*)failure);
}
/* An address on a device as the pointer that it is to the library; Go itself must not make one of a number. */
static void* fovea_pointer_of_address(uintptr_t address) { return (void*)address; }
%}

%typemap(gotype) foveaStatus_t "*Failure"
%typemap(imtype) foveaStatus_t "int"
%typemap(out) foveaStatus_t "$result = (intgo)fovea_failure_of($1);"
%typemap(goout) foveaStatus_t "$result = takeFailure($1)"
%typemap(gotype) foveaStatus_t status, foveaStatus_t fovea_failure_status "int32"
%typemap(imtype) foveaStatus_t status, foveaStatus_t fovea_failure_status "int32"
%typemap(out) foveaStatus_t fovea_failure_status "$result = (intgo)$1;"
%typemap(goout) foveaStatus_t fovea_failure_status ""

%insert(go_wrapper) %{
// Failure is the status and the sentence of a call that failed.
type Failure struct {
	Status  int32
	Message string
}

func takeFailure(address int) *Failure {
	if address == 0 {
		return nil
	}
	failure := uintptr(address)
	taken := &Failure{Fovea_failure_status(failure), Fovea_failure_message(failure)}
	Fovea_failure_free(failure)
	return taken
}
%}

// A struct that could not be made is one at address 0, which the package above looks for.
%define FOVEA_NEW_MAY_FAIL(Type)
%enddef
