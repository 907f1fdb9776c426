package fovea

import (
	"runtime"

	"fovea/internal/capi"
)

// ContextOptions say what a context runs on. The zero value is the best device with all its threads.
type ContextOptions struct {
	Device        Device
	DeviceOrdinal int32 // which GPU of that kind, from 0
	NumThreads    int32 // CPU: threads that compute, the caller's included; 0 = all CPUs of the process's affinity mask
}

// Context is a device with its threads. Any number of goroutines may use one.
type Context struct {
	handle handle[capi.Context]
}

// ContextInfo is what a context runs on.
type ContextInfo struct {
	Device        Device // DeviceCPU, DeviceAMD or DeviceNVIDIA
	DeviceOrdinal int32
	NumThreads    int32  // CPU threads that compute; 0 on a GPU
	DeviceName    string // e.g. "AMD EPYC 9654" or "AMD Instinct MI300X"
	Architecture  string // e.g. "avx2", "avx512_bf16+amx_bf16", "gfx942"
}

// NewContext creates a context; it is given back with Close.
func NewContext(options ContextOptions) (*Context, error) {
	info := capi.NewFoveaContextCreateInfo_t()
	if info.Swigcptr() == 0 {
		return nil, outOfMemory("context")
	}
	defer capi.DeleteFoveaContextCreateInfo_t(info)
	info.SetDevice(int32(options.Device))
	info.SetDevice_ordinal(options.DeviceOrdinal)
	info.SetNum_threads(options.NumThreads)
	var handle capi.Context
	if err := errorOf(capi.FoveaContextCreate(info, &handle)); err != nil {
		return nil, err
	}
	context := new(Context)
	context.handle.value = handle
	runtime.SetFinalizer(context, (*Context).Close)
	return context, nil
}

// Close gives the context back; objects made from it keep what they need. It may be called twice.
func (c *Context) Close() error {
	runtime.SetFinalizer(c, nil)
	c.handle.close(capi.FoveaContextDestroy)
	return nil
}

// Info describes the context's device.
func (c *Context) Info() (ContextInfo, error) {
	handle, err := c.handle.open("context")
	if err != nil {
		return ContextInfo{}, err
	}
	defer c.handle.done()
	info := capi.NewFoveaContextInfo_t()
	if info.Swigcptr() == 0 {
		return ContextInfo{}, outOfMemory("context info")
	}
	defer capi.DeleteFoveaContextInfo_t(info)
	if err := errorOf(capi.FoveaContextGetInfo(handle, info)); err != nil {
		return ContextInfo{}, err
	}
	return ContextInfo{Device(info.GetDevice()), info.GetDevice_ordinal(), info.GetNum_threads(), info.GetDevice_name(),
		info.GetArchitecture()}, nil
}

// SelectBackend chooses the backend for a config on the context's device. An explicit request that cannot be served
// fails; the error of a failed choice lists every backend with all its reasons.
func (c *Context) SelectBackend(config Config, requested Backend) (Backend, error) {
	handle, err := c.handle.open("context")
	if err != nil {
		return BackendAuto, err
	}
	defer c.handle.done()
	described, err := config.open()
	if err != nil {
		return BackendAuto, err
	}
	defer capi.FoveaConfigDestroy(described)
	var selected int32
	err = errorOf(capi.FoveaSelectBackend(handle, described, int32(requested), &selected))
	return Backend(selected), err
}
