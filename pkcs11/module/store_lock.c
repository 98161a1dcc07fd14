#include "pkcs11/module/store_lock.h"

#include "lib/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define USUAL_MS 500u

int store_lock_take_within(struct ps_bytes directory, bool exclusive, unsigned limit_ms)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    const uint64_t deadline = ps_clock_mono_ns() + limit_ms * PS_NS_PER_MS;
    char path[PATH_MAX];
    int fd;

    if (directory.len == 0 || directory.len >= sizeof path) {
        return -1;
    }
    memcpy(path, directory.data, directory.len);
    path[directory.len] = 0;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd >= 0 && flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || ps_clock_mono_ns() > deadline) {
            break;
        }
        (void)nanosleep(&pause, NULL);
    }
    return fd;
}

int store_lock_take(struct ps_bytes directory, bool exclusive)
{
    return store_lock_take_within(directory, exclusive, USUAL_MS);
}

bool store_lock_is_held(int lock)
{
    return lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0;
}

void store_lock_drop(const int *lock)
{
    if (*lock >= 0) {
        (void)close(*lock);
    }
}
