// Java: how the types of fovea.h appear in the generated package.
//
// Memory is an address: the package above takes it from direct buffers once, and keeps the buffers alive. Handles are
// addresses too, enumerations are their numbers, and a failed call throws org.libfovea.FoveaException.

%include "enumsimple.swg"
%javaconst(1);

%pragma(java) jniclasscode=%{
  static {
    org.libfovea.NativeLibrary.load();
  }
%}

// 64-bit types by their width: SWIG takes C's `long`, which int64_t is, for a Java int.
%apply long long { int64_t, size_t, uintptr_t };

// --- enumerations are numbers
%typemap(jni) enum SWIGTYPE "jint"
%typemap(jtype) enum SWIGTYPE "int"
%typemap(jstype) enum SWIGTYPE "int"
%typemap(in) enum SWIGTYPE %{ $1 = ($1_ltype)$input; %}
%typemap(out) enum SWIGTYPE %{ $result = (jint)$1; %}
%typemap(javain) enum SWIGTYPE "$javainput"
%typemap(javaout) enum SWIGTYPE { return $jnicall; }

// --- addresses and handles
%define FOVEA_ADDRESS(Type)
%typemap(jni) Type "jlong"
%typemap(jtype) Type "long"
%typemap(jstype) Type "long"
%typemap(in) Type %{ $1 = ($1_ltype)(intptr_t)$input; %}
%typemap(out) Type %{ $result = (jlong)(intptr_t)$1; %}
%typemap(javain) Type "$javainput"
%typemap(javaout) Type { return $jnicall; }
// Or those of the results below would be taken for `const`.
%typemap(argout) Type ""
%typemap(freearg) Type ""
%enddef
FOVEA_ADDRESS(void *)
FOVEA_ADDRESS(const void *)
FOVEA_ADDRESS(const float *)
FOVEA_ADDRESS(const int32_t *)
FOVEA_ADDRESS(const int64_t *)
FOVEA_ADDRESS(foveaContext_t)
FOVEA_ADDRESS(foveaConfig_t)
FOVEA_ADDRESS(foveaReport_t)
FOVEA_ADDRESS(foveaMetadata_t)
FOVEA_ADDRESS(foveaAttention_t)
FOVEA_ADDRESS(struct foveaAttention_st *)

// --- results: an array with room for one; left alone by a call that fails, which has an exception pending by then
%define FOVEA_RESULT(Type, jarray, jelement, javatype, Setter)
%typemap(jni) Type * #jarray
%typemap(jtype) Type * #javatype "[]"
%typemap(jstype) Type * #javatype "[]"
%typemap(in) Type * ($*1_ltype value) %{
  memset(&value, 0, sizeof(value));
  $1 = &value;
%}
%typemap(argout) Type * %{
  if (result == FOVEA_STATUS_SUCCESS) {
    const jelement element = (jelement)value$argnum;
    (*jenv)->Setter(jenv, $input, 0, 1, &element);
  }
%}
%typemap(javain) Type * "$javainput"
%typemap(freearg) Type * ""
%enddef
FOVEA_RESULT(int32_t, jintArray, jint, int, SetIntArrayRegion)
FOVEA_RESULT(foveaBackend_t, jintArray, jint, int, SetIntArrayRegion)
FOVEA_RESULT(size_t, jlongArray, jlong, long, SetLongArrayRegion)
%define FOVEA_HANDLE_RESULT(Type)
FOVEA_RESULT(Type, jlongArray, jlong, long, SetLongArrayRegion)
%typemap(argout) Type * %{
  if (result == FOVEA_STATUS_SUCCESS) {
    const jlong element = (jlong)(intptr_t)value$argnum;
    (*jenv)->SetLongArrayRegion(jenv, $input, 0, 1, &element);
  }
%}
%enddef
FOVEA_HANDLE_RESULT(foveaContext_t)
FOVEA_HANDLE_RESULT(foveaConfig_t)
FOVEA_HANDLE_RESULT(foveaMetadata_t)
FOVEA_HANDLE_RESULT(foveaAttention_t)
// A refused check gives its report all the same, so the array is written first and the exception thrown afterwards.
FOVEA_HANDLE_RESULT(foveaReport_t)
%typemap(argout) foveaReport_t * %{
  if (value$argnum != NULL) {
    const jlong element = (jlong)(intptr_t)value$argnum;
    (*jenv)->SetLongArrayRegion(jenv, $input, 0, 1, &element);
  }
  if (result != FOVEA_STATUS_SUCCESS) fovea_throw(jenv, result);
%}

// --- shapes and strides, [FOVEA_MAX_DIMS]
%define FOVEA_DIMS(name)
%typemap(jni) const int64_t *name "jlongArray"
%typemap(jtype) const int64_t *name "long[]"
%typemap(jstype) const int64_t *name "long[]"
%typemap(in) const int64_t *name (jlong dims[FOVEA_MAX_DIMS]) %{
  (*jenv)->GetLongArrayRegion(jenv, $input, 0, FOVEA_MAX_DIMS, dims);
  if ((*jenv)->ExceptionCheck(jenv)) return $null;
  $1 = (int64_t*)dims;
%}
%typemap(javain) const int64_t *name "$javainput"
%typemap(argout) const int64_t *name ""
%typemap(freearg) const int64_t *name ""
%enddef
FOVEA_DIMS(shape)
FOVEA_DIMS(strides)

%typemap(jni) (char *reason, size_t reason_size) "jbyteArray"
%typemap(jtype) (char *reason, size_t reason_size) "byte[]"
%typemap(jstype) (char *reason, size_t reason_size) "byte[]"
%typemap(javain) (char *reason, size_t reason_size) "$javainput"
%typemap(in) (char *reason, size_t reason_size) %{
  $1 = (char*)(*jenv)->GetByteArrayElements(jenv, $input, NULL);
  if ($1 == NULL) return $null;
  $2 = (size_t)(*jenv)->GetArrayLength(jenv, $input);
%}
%typemap(freearg) (char *reason, size_t reason_size) %{
  (*jenv)->ReleaseByteArrayElements(jenv, $input, (jbyte*)$1, 0);
%}

// --- errors: the exception is made inside the failing call, with the sentence of its thread
%{
static void fovea_throw(JNIEnv* jenv, foveaStatus_t status) {
  const char* message = foveaGetLastErrorMessage();
  const jsize length = (jsize)strlen(message);
  jclass type = (*jenv)->FindClass(jenv, "org/libfovea/FoveaException");
  // Bytes, because a text that was cut may end within a character, which NewStringUTF must not see.
  jmethodID make = type == NULL ? NULL : (*jenv)->GetMethodID(jenv, type, "<init>", "(I[B)V");
  jbyteArray bytes = make == NULL ? NULL : (*jenv)->NewByteArray(jenv, length);
  jobject exception;
  if (bytes == NULL) return; // with the exception that says why
  (*jenv)->SetByteArrayRegion(jenv, bytes, 0, length, (const jbyte*)message);
  exception = (*jenv)->NewObject(jenv, type, make, (jint)status, bytes);
  if (exception != NULL) (*jenv)->Throw(jenv, (jthrowable)exception);
}
%}
%typemap(jni) foveaStatus_t "void"
%typemap(jtype) foveaStatus_t "void"
%typemap(jstype) foveaStatus_t "void"
%typemap(out) foveaStatus_t %{ if ($1 != FOVEA_STATUS_SUCCESS) fovea_throw(jenv, $1); %}
%typemap(out) foveaStatus_t foveaConfigCheck ""
%typemap(javaout) foveaStatus_t { $jnicall; }
// As results are exceptions, there is no Java type left for the constants; foveaStatusName tells their names.
%rename("$ignore", regexmatch$name="^FOVEA_STATUS_") "";
%typemap(jni) foveaStatus_t status "jint"
%typemap(jtype) foveaStatus_t status "int"
%typemap(jstype) foveaStatus_t status "int"

// --- structs
%typemap(javafinalize) SWIGTYPE ""
%typemap(javainterfaces) SWIGTYPE "AutoCloseable"
%typemap(javacode) SWIGTYPE %{
  @Override
  public void close() {
    delete();
  }
%}
%define FOVEA_NEW_MAY_FAIL(Type)
%exception Type::Type {
  $action
  if (result == NULL) {
    SWIG_JavaThrowException(jenv, SWIG_JavaOutOfMemoryError, #Type ": host memory could not be allocated");
    return $null;
  }
}
%enddef

// --- direct buffers
%typemap(jni) void *direct_buffer "jobject"
%typemap(jtype) void *direct_buffer "java.nio.Buffer"
%typemap(jstype) void *direct_buffer "java.nio.Buffer"
%typemap(in) void *direct_buffer %{ $1 = $input == NULL ? NULL : (*jenv)->GetDirectBufferAddress(jenv, $input); %}
%inline %{
/* Address of the buffer's element 0; 0 if it is on the Java heap. */
static void* fovea_address_of(void* direct_buffer) { return direct_buffer; }
%}
