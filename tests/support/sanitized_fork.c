/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/sanitized_fork.h"

#include <pthread.h>
#include <stddef.h>

/* C++ functions of compiler-rt's static runtime: __lsan::LockThreadRegistry() and so on. */
#define OF_THE_RUNTIME(symbol) __asm__(symbol) __attribute__((weak))
extern void lock_threads(void) OF_THE_RUNTIME("_ZN6__lsan18LockThreadRegistryEv");
extern void unlock_threads(void) OF_THE_RUNTIME("_ZN6__lsan20UnlockThreadRegistryEv");
extern void lock_allocator(void) OF_THE_RUNTIME("_ZN6__lsan13LockAllocatorEv");
extern void unlock_allocator(void) OF_THE_RUNTIME("_ZN6__lsan15UnlockAllocatorEv");
extern void lock_depot(void) OF_THE_RUNTIME("_ZN11__sanitizer17StackDepotLockAllEv");
extern void unlock_depot(void) OF_THE_RUNTIME("_ZN11__sanitizer19StackDepotUnlockAllEv");

static void
before(void)
{
	lock_threads();
	lock_allocator();
	lock_depot();
}

static void
after(void)
{
	unlock_depot();
	unlock_allocator();
	unlock_threads();
}

void
sanitized_fork(void)
{
	if (lock_threads && unlock_threads && lock_allocator && unlock_allocator &&
	    lock_depot && unlock_depot)
		(void)pthread_atfork(before, after, after);
}
