package fovea

import (
	"math"
	"testing"
)

// testData is a tensor of f32, f16 or bf16 as bytes of its own type.
type testData struct {
	dataType DataType
	shape    []int64
	f32      []float32
	bits16   []uint16
}

func newTestData(t testing.TB, dataType DataType, shape []int) testData {
	t.Helper()
	count := 1
	data := testData{dataType: dataType}
	for _, length := range shape {
		count *= length
		data.shape = append(data.shape, int64(length))
	}
	switch dataType {
	case Float32:
		data.f32 = make([]float32, count)
	case Float16, BFloat16:
		data.bits16 = make([]uint16, count)
	default:
		t.Fatalf("inputs and outputs of type %s are not known", dataType)
	}
	return data
}

func (d testData) set(i int, value float32) {
	switch d.dataType {
	case Float32:
		d.f32[i] = value
	case Float16:
		d.bits16[i] = halfOf(value)
	default:
		d.bits16[i] = uint16(math.Float32bits(value) >> 16)
	}
}

func (d testData) tensor() Tensor {
	if d.dataType == Float32 {
		return F32(d.f32, d.shape...)
	}
	return NewTensor(d.dataType, Host(d.bits16), d.shape...)
}

func (d testData) values() []float64 {
	values := make([]float64, len(d.f32)+len(d.bits16))
	for i := range values {
		switch d.dataType {
		case Float32:
			values[i] = float64(d.f32[i])
		case Float16:
			values[i] = ofHalf(d.bits16[i])
		default:
			values[i] = float64(math.Float32frombits(uint32(d.bits16[i]) << 16))
		}
	}
	return values
}

// rows copies some rows of the outermost axis.
func (d testData) rows(rows []int) testData {
	count := int64(1)
	for _, length := range d.shape[1:] {
		count *= length
	}
	picked := testData{dataType: d.dataType, shape: append([]int64{int64(len(rows))}, d.shape[1:]...)}
	for _, row := range rows {
		begin, end := int64(row)*count, int64(row+1)*count
		if d.dataType == Float32 {
			picked.f32 = append(picked.f32, d.f32[begin:end]...)
		} else {
			picked.bits16 = append(picked.bits16, d.bits16[begin:end]...)
		}
	}
	return picked
}

// generate is the generator of tests/bindings/README.md.
func generate(t testing.TB, seed, stream uint64, dataType DataType, shape ...int) testData {
	data := newTestData(t, dataType, shape)
	state := seed*16 + stream
	for i := 0; i < len(data.f32)+len(data.bits16); i++ {
		state += 0x9E3779B97F4A7C15
		z := state
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		z ^= z >> 31
		data.set(i, float32(int(z>>57)-64)/32)
	}
	return data
}

func poisoned(t testing.TB, dataType DataType, shape ...int) testData {
	data := newTestData(t, dataType, shape)
	for i := 0; i < len(data.f32)+len(data.bits16); i++ {
		data.set(i, float32(math.NaN()))
	}
	return data
}

func filled(dataType DataType, fill byte, shape []int64) Tensor {
	count := int64(dataType.Size())
	for _, length := range shape {
		count *= length
	}
	bytes := make([]byte, count)
	for i := range bytes {
		bytes[i] = fill
	}
	return NewTensor(dataType, Host(bytes), shape...)
}

// halfOf converts what needs no rounding, and NaN.
func halfOf(value float32) uint16 {
	bits := math.Float32bits(value)
	sign := uint16(bits>>16) & 0x8000
	exponent := int(bits>>23&0xff) - 127 + 15
	switch {
	case value != value:
		return 0x7e00
	case value == 0:
		return sign
	case exponent < 1 || exponent > 30 || bits&0x1fff != 0:
		panic("a test value is no normal f16")
	}
	return sign | uint16(exponent)<<10 | uint16(bits>>13)&0x3ff
}

func ofHalf(bits uint16) float64 {
	sign, exponent, fraction := 1.0, int(bits>>10&0x1f), float64(bits&0x3ff)/1024
	if bits&0x8000 != 0 {
		sign = -1
	}
	switch {
	case exponent == 31 && fraction != 0:
		return math.NaN()
	case exponent == 31:
		return math.Inf(int(sign))
	case exponent == 0:
		return sign * math.Ldexp(fraction, -14)
	}
	return sign * math.Ldexp(1+fraction, exponent-15)
}

func TestGenerator(t *testing.T) {
	// The first elements that tests/bindings/README.md names.
	expected := []float64{0, -0.4375, -0.6875, -1.125, -1.9375, -1.6875}
	for _, dataType := range []DataType{Float32, Float16, BFloat16} {
		for i, value := range generate(t, 1, 1, dataType, 2, 3).values() {
			if value != expected[i] {
				t.Errorf("%s: element %d is %v, expected %v", dataType, i, value, expected[i])
			}
		}
	}
}
