package avplane

// #include <stdlib.h>
// #ifdef __GLIBC__
// #include <malloc.h>
// #endif
// static void ksn_memory_frugal(void) {
// #ifdef __GLIBC__
// 	mallopt(M_MMAP_THRESHOLD, 1 << 20);
// 	mallopt(M_ARENA_MAX, 2);
// #endif
// }
// static void ksn_memory_trim(void) {
// #ifdef __GLIBC__
// 	malloc_trim(0);
// #endif
// }
import "C"

// FrugalMemory makes the C library give frames back to the system when they are freed, rather than keep them in as many
// heaps as there are threads: the networks of one pass and the encoder of the next are not in memory together.
// It does nothing where the C library is not glibc. See mallopt(3).
func FrugalMemory() { C.ksn_memory_frugal() }

// TrimMemory gives freed memory of the C library back to the system. See malloc_trim(3).
func TrimMemory() { C.ksn_memory_trim() }
