// Package fovea computes paged, variable-length attention, causal and non-causal, with the shared library libfovea.
//
// The life of a layer: describe it with a [Config], bind it once with [Context.NewAttention]; each step fill and
// commit a [Metadata], and per layer write the KV cache and run [Attention.Forward]. A [Backend] tells what it can
// compute, and every refusal is an [*Error] with the library's own sentence.
//
// Slices are handed to the library where they are, never copied, and are held in place for the duration of a call:
//
//	query := fovea.F32(data, numTokens, numQueryHeads, headSize)
//
// Contexts and attentions may be used by many goroutines at once. A Metadata must not be changed by one goroutine while
// another uses it. Concurrent forwards need a workspace each. Objects are given back with Close; those that are
// forgotten are closed when the garbage collector finds them.
package fovea
