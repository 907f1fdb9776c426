package fovea

import "sync"

// A handle of the library. Calls share it, Close waits for them: a call that runs on one goroutine while another closes
// the object either finishes first or finds it closed.
type handle[H ~uintptr] struct {
	mutex sync.RWMutex
	value H
}

// open returns the handle for one call, which must end with done.
func (h *handle[H]) open(what string) (H, error) {
	h.mutex.RLock()
	if h.value == 0 {
		h.mutex.RUnlock()
		return 0, &Error{StatusInvalidState, what + ": is closed"}
	}
	return h.value, nil
}

func (h *handle[H]) done() { h.mutex.RUnlock() }

func (h *handle[H]) close(destroy func(H)) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.value != 0 {
		destroy(h.value)
		h.value = 0
	}
}
