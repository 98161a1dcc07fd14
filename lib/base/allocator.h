#ifndef PS_BASE_ALLOCATOR_H
#define PS_BASE_ALLOCATOR_H

/*
 * The allocator of privyseald is jemalloc: OpenSSL and the modules allocate and free some hundred
 * small pieces for one operation, and what it knows of a piece is not kept beside it, where writing
 * over an end would reach it. Programs with sanitizers have theirs.
 */

/* Free pages go back to the system at once, as after many rows were in memory. */
void allocator_give_back(void);

#endif
