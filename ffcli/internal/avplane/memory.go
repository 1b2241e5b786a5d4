package avplane

// #define _GNU_SOURCE
// #include <stdint.h>
// #include <stdlib.h>
// #if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
// #include <link.h>
// #include <sys/mman.h>
// #include <unistd.h>
// static int ksn_forget_code(struct dl_phdr_info *o, size_t size, void *data) {
// 	uintptr_t page = sysconf(_SC_PAGESIZE);
// 	for (int i = 0; i < o->dlpi_phnum; i++) {
// 		const ElfW(Phdr) *p = &o->dlpi_phdr[i];
// 		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X) || p->p_flags & PF_W)
// 			continue;
// 		uintptr_t from = (o->dlpi_addr + p->p_vaddr + page - 1) & -page;
// 		uintptr_t to = (o->dlpi_addr + p->p_vaddr + p->p_filesz) & -page;
// 		if (o->dlpi_name && (o->dlpi_name[0] == '/' || !o->dlpi_name[0]) && from < to)
// 			madvise((void *)from, to - from, MADV_DONTNEED);
// 	}
// 	return 0;
// }
// static void ksn_code_trim(void) { dl_iterate_phdr(ksn_forget_code, NULL); }
// #else
// static void ksn_code_trim(void) {}
// #endif
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

// TrimMemory gives freed memory of the C library back to the system, and code that may never run again: what opens networks and builds
// tables runs once, and is some tens of MiB. Pages of code are as they are in their files (position-independent code is not
// relocated on these processors), so that what is needed again comes back by itself. See malloc_trim(3), madvise(2).
func TrimMemory() {
	C.ksn_memory_trim()
	C.ksn_code_trim()
}
