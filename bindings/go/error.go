package fovea

import (
	"fmt"

	"fovea/internal/capi"
)

// Status says what kind of failure an [Error] is. It is an error itself, so that errors.Is(err, StatusNotSupported)
// tells.
type Status int32

const (
	StatusSuccess            Status = 0
	StatusInvalidArgument    Status = 1  // an argument is wrong by itself or does not fit the others
	StatusNotSupported       Status = 2  // a valid request that this backend cannot serve; the reason is given
	StatusInvalidState       Status = 3  // the call is not legal now, e.g. metadata changed but not committed
	StatusWorkspaceTooSmall  Status = 4  // workspace or plan memory is smaller than its query says
	StatusOutOfMemory        Status = 5  // host memory could not be allocated
	StatusDeviceOutOfMemory  Status = 6  // device memory could not be allocated
	StatusNoDevice           Status = 7  // no device of the requested kind is usable
	StatusArchMismatch       Status = 8  // the GPU's architecture is not among those embedded in the module
	StatusBackendUnavailable Status = 9  // the backend cannot be used on this machine
	StatusDeviceError        Status = 10 // the GPU runtime reported an error
	StatusVersionMismatch    Status = 11 // a struct uses fields that this version of the library does not know
	StatusInternalError      Status = 12 // a defect of the library
)

// String is the name in the C header, e.g. "FOVEA_STATUS_NOT_SUPPORTED".
func (s Status) String() string { return capi.FoveaStatusName(int32(s)) }

// Error is a short description, e.g. "not supported".
func (s Status) Error() string { return capi.FoveaStatusString(int32(s)) }

// Error is a call that failed: what kind of failure, and a sentence that names the argument, its value and what was
// expected. The sentence is fetched inside the failing call, so it is right whatever thread a goroutine runs on.
type Error struct {
	Status  Status
	Message string
}

func (e *Error) Error() string { return "fovea: " + e.Status.Error() + ": " + e.Message }

// Is makes errors.Is(err, StatusNotSupported) true for every error of that status.
func (e *Error) Is(target error) bool {
	status, isStatus := target.(Status)
	return isStatus && status == e.Status
}

// A nil *capi.Failure must become a nil interface, not an interface that holds a nil pointer.
func errorOf(failure *capi.Failure) error {
	if failure == nil {
		return nil
	}
	return &Error{Status(failure.Status), failure.Message}
}

func outOfMemory(what string) error {
	return &Error{StatusOutOfMemory, what + ": host memory could not be allocated"}
}

func invalidArgument(format string, arguments ...any) error {
	return &Error{StatusInvalidArgument, fmt.Sprintf(format, arguments...)}
}
