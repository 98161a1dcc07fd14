#include "lib/base/secret.h"

#include "lib/base/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ps_secret {
    uint8_t *page;
    size_t mapped;
    size_t len;
};

void ps_wipe(void *data, size_t len)
{
    if (len != 0) {
        explicit_bzero(data, len);
    }
}

/* memfd_secret takes the pages out of the kernel's own map, so that not even root reads them. */
static void *map_memfd_secret(size_t size)
{
    const long fd = syscall(SYS_memfd_secret, 0);
    void *page;

    if (fd < 0) {
        return MAP_FAILED;
    }
    page = MAP_FAILED;
    if (ftruncate((int)fd, (off_t)size) == 0) {
        page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd, 0);
    }
    (void)close((int)fd);
    return page;
}

static void *map_locked(size_t size)
{
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED) {
        return MAP_FAILED;
    }
    if (mlock(page, size) != 0 || madvise(page, size, MADV_DONTDUMP) != 0) {
        (void)munmap(page, size);
        return MAP_FAILED;
    }
    return page;
}

static enum ps_err map_pages(size_t size, void **ret_page)
{
    void *page = map_memfd_secret(size);

    if (page == MAP_FAILED) {
        page = map_locked(size);
    }
    if (page == MAP_FAILED) {
        return ps_fail_errno(PS_E_NO_MEMORY, "no locked memory for a secret");
    }
    /* Not every kernel knows it for every mapping; roles are re-executed, which drops it anyway. */
    (void)madvise(page, size, MADV_DONTFORK);
    *ret_page = page;
    return PS_OK;
}

enum ps_err ps_secret_new(struct ps_bytes octets, struct ps_secret **ret_secret)
{
    struct ps_secret *secret;
    void *page;

    if (octets.len > PS_SECRET_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "a secret of more than %u octets", PS_SECRET_MAX);
    }
    secret = malloc(sizeof *secret);
    if (secret == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    if (map_pages(PS_SECRET_MAX, &page) != PS_OK) {
        free(secret);
        return PS_E_NO_MEMORY;
    }
    if (octets.len != 0) {
        memcpy(page, octets.data, octets.len);
    }
    *secret = (struct ps_secret){.page = page, .mapped = PS_SECRET_MAX, .len = octets.len};
    *ret_secret = secret;
    return PS_OK;
}

static enum ps_err read_all(int fd, struct ps_secret *secret)
{
    for (;;) {
        const ssize_t got = read(fd, secret->page + secret->len, secret->mapped - secret->len);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return ps_fail_errno(PS_E_STORAGE, "cannot read a secret");
        }
        if (got == 0) {
            return PS_OK;
        }
        secret->len += (size_t)got;
        if (secret->len == secret->mapped) {
            return ps_fail(PS_E_LIMIT, 0, "a secret of more than %u octets", PS_SECRET_MAX - 1);
        }
    }
}

static enum ps_err fill_from_fd(int fd, struct ps_secret *secret)
{
    PS_TRY(read_all(fd, secret));
    if (secret->len != 0 && secret->page[secret->len - 1] == '\n') {
        secret->len--;
    }
    return secret->len != 0 ? PS_OK : ps_fail(PS_E_INPUT, 0, "an empty secret");
}

enum ps_err ps_secret_read_fd(int fd, struct ps_secret **ret_secret)
{
    struct ps_secret *secret = NULL;
    enum ps_err err;

    PS_TRY(ps_secret_new(ps_bytes(NULL, 0), &secret));
    err = fill_from_fd(fd, secret);
    if (err != PS_OK) {
        ps_secret_free(secret);
        return err;
    }
    *ret_secret = secret;
    return PS_OK;
}

void ps_secret_free(struct ps_secret *secret)
{
    if (secret == NULL) {
        return;
    }
    ps_wipe(secret->page, secret->mapped);
    (void)munmap(secret->page, secret->mapped);
    free(secret);
}

struct ps_bytes ps_secret_bytes(const struct ps_secret *secret)
{
    return ps_bytes(secret->page, secret->len);
}
