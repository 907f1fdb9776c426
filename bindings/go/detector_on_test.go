//go:build race || asan

package fovea

// detectorEnabled: the detectors of races and of wild addresses keep memory of their own for every allocation.
const detectorEnabled = true
