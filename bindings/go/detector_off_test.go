//go:build !race && !asan

package fovea

const detectorEnabled = false
