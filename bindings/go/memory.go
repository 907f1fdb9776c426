package fovea

import (
	"math/bits"
	"runtime"
	"unsafe"

	"fovea/internal/capi"
)

// Element is what a slice can hold that the library reads or writes: float32, the bits of f16 and bf16 (uint16) and of
// fp8 (uint8), indices, or plain bytes.
type Element interface {
	~float32 | ~uint16 | ~uint8 | ~int8 | ~int32 | ~int64
}

// Memory is memory that the library reads or writes during a call: a slice, or memory of a device. The zero value is
// none. A Memory made of a slice keeps it alive; nothing is copied.
type Memory struct {
	pointer unsafe.Pointer
	size    int // bytes
	device  bool
}

// Host is the memory of a slice. A nil slice is none. The slice must not be a part of an object that holds Go
// pointers too (an array in a struct beside a pointer): cgo panics when it sees one.
func Host[T Element](slice []T) Memory {
	var element T
	return Memory{pointer: unsafe.Pointer(unsafe.SliceData(slice)), size: len(slice) * int(unsafe.Sizeof(element))}
}

// DeviceMemory is memory of the context's device, which the caller keeps alive.
func DeviceMemory(address uintptr, size int) Memory {
	return Memory{pointer: capi.Fovea_pointer_of_address(address), size: size, device: true}
}

// MaxDims is the largest number of axes of a tensor.
const MaxDims = 6

// Tensor is a view of memory; it owns nothing. The zero value is absent.
type Tensor struct {
	Memory  Memory
	Type    DataType
	Shape   []int64
	Strides []int64 // in elements; nil = contiguous in row-major order. The innermost must be 1
}

// NewTensor views memory as a contiguous tensor.
func NewTensor(dataType DataType, memory Memory, shape ...int64) Tensor {
	return Tensor{Memory: memory, Type: dataType, Shape: shape}
}

// F32 views a slice as a contiguous tensor.
func F32(slice []float32, shape ...int64) Tensor { return NewTensor(Float32, Host(slice), shape...) }

// F16 views the bits of IEEE half-precision numbers as a contiguous tensor.
func F16[T ~uint16](slice []T, shape ...int64) Tensor {
	return NewTensor(Float16, Host(slice), shape...)
}

// BF16 views the bits of bfloat16 numbers (the upper half of a float32) as a contiguous tensor.
func BF16[T ~uint16](slice []T, shape ...int64) Tensor {
	return NewTensor(BFloat16, Host(slice), shape...)
}

// AlignedBytes makes a slice whose address is a multiple of 64, as workspace and plan memory should be.
func AlignedBytes(size int) []byte {
	const alignment = 64
	bytes := make([]byte, size+alignment-1)
	start := int(-uintptr(unsafe.Pointer(unsafe.SliceData(bytes))) % alignment)
	return bytes[start : start+size : start+size]
}

// pins holds Go memory in place whose address stands in a struct of the library, until the call is over.
type pins struct {
	pinner runtime.Pinner
	// Of the tensor that is being set. Memory of its own: cgo refuses an address within an object that holds pointers.
	dims *[2][MaxDims]int64
}

func (p *pins) release() { p.pinner.Unpin() }

func (p *pins) pointer(memory Memory) unsafe.Pointer {
	if memory.pointer != nil && !memory.device {
		p.pinner.Pin(memory.pointer)
	}
	return memory.pointer
}

// floats is the address of `count` numbers. A call that is told of more numbers than there are would read past them.
func (p *pins) floats(name string, memory Memory, count int32) (*float32, error) {
	if err := memory.requireBytes(name, uint64(count)*4); err != nil {
		return nil, err
	}
	return (*float32)(p.pointer(memory)), nil
}

func (m Memory) requireBytes(name string, needed uint64) error {
	if m.pointer != nil && uint64(m.size) < needed {
		return invalidArgument("%s: has %d bytes, expected at least %d", name, m.size, needed)
	}
	return nil
}

// tensorSetter sets one tensor of a struct of the library.
type tensorSetter = func(data unsafe.Pointer, dataType, ndim int32, shape, strides *int64)

// putTensor hands a tensor to a struct of the library, by the struct's own setter, after a look at whether its memory
// is as large as its shape says.
func (p *pins) putTensor(name string, tensor Tensor, set tensorSetter) error {
	if tensor.Memory.pointer == nil {
		return nil
	}
	if len(tensor.Shape) > MaxDims {
		return invalidArgument("%s: has %d axes, expected at most %d", name, len(tensor.Shape), MaxDims)
	}
	if tensor.Strides != nil && len(tensor.Strides) != len(tensor.Shape) {
		return invalidArgument("%s: has %d strides, expected %d", name, len(tensor.Strides), len(tensor.Shape))
	}
	needed, err := tensor.extent(name)
	if err != nil {
		return err
	}
	if err := tensor.Memory.requireBytes(name, needed); err != nil {
		return err
	}
	if p.dims == nil {
		p.dims = new([2][MaxDims]int64)
	}
	*p.dims = [2][MaxDims]int64{}
	shape, strides := p.dims[0][:], p.dims[1][:]
	copy(shape, tensor.Shape)
	copy(strides, tensor.Strides)
	set(p.pointer(tensor.Memory), int32(tensor.Type), int32(len(tensor.Shape)), &shape[0], &strides[0])
	return nil
}

// extent is the number of bytes from the first element to the end of the last.
func (t *Tensor) extent(name string) (uint64, error) {
	contiguous := true
	for axis, length := range t.Shape {
		if length < 0 {
			return 0, invalidArgument("%s: axis %d has length %d", name, axis, length)
		}
		if length == 0 {
			return 0, nil
		}
		if t.Strides != nil && t.Strides[axis] != 0 {
			contiguous = false
		}
	}
	tooLarge := invalidArgument("%s: has more elements than can be addressed", name)
	elements, stride := uint64(1), uint64(1)
	for axis := len(t.Shape) - 1; axis >= 0; axis-- {
		length := uint64(t.Shape[axis])
		if !contiguous {
			if t.Strides[axis] < 0 {
				return 0, invalidArgument("%s: axis %d has stride %d", name, axis, t.Strides[axis])
			}
			stride = uint64(t.Strides[axis])
		}
		high, span := bits.Mul64(length-1, stride)
		elements += span
		if high != 0 || span > 1<<62 || elements > 1<<62 {
			return 0, tooLarge
		}
		if contiguous {
			if high, stride = bits.Mul64(stride, length); high != 0 || stride > 1<<62 {
				return 0, tooLarge
			}
		}
	}
	high, size := bits.Mul64(elements, uint64(t.Type.Size()))
	if high != 0 {
		return 0, tooLarge
	}
	return size, nil
}
