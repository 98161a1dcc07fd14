#include "lib/base/allocator.h"

#ifdef PS_HAS_JEMALLOC
#include <jemalloc/jemalloc.h>

#define TEXT_OF(number)       #number
#define NUMBER_AS_TEXT(macro) TEXT_OF(macro)

/*
 * What jemalloc reads at the start of a program that links this file. One arena: a process of ours
 * allocates in one thread, or in threads that mostly wait. What is free goes back to the kernel
 * within a second of the next allocations, in place of ten: that costs nothing that could be
 * measured. What jemalloc would not understand ends the program.
 */
__attribute__((visibility("default"))) const char *malloc_conf =
    "abort_conf:true,narenas:1,dirty_decay_ms:1000";

void allocator_give_back(void)
{
    (void)mallctl("arena." NUMBER_AS_TEXT(MALLCTL_ARENAS_ALL) ".purge", NULL, NULL, NULL, 0);
}
#else
#include <malloc.h>

void allocator_give_back(void)
{
    (void)malloc_trim(0);
}
#endif
