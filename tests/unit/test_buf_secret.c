#include "tests/unit/support.h"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

/*
 * What a buffer for secrets lets go of is nowhere in this process's memory. The text that is looked
 * for is never written but into the buffer: elsewhere it stands with all bits turned over.
 */
static const uint8_t turned[] = "\x5a\xf1\x08\xc3\x9d\x77\x2e\xb4\x61\x0f\xd8\x93\x4c\xe6\x15\xaa"
                                "\x3b\x82\xf7\x50\xce\x19\x64\xbd\x06\x98\x7f\xe1\x2a\xd5\x43\x8c";
enum { MARK_LEN = sizeof turned - 1, BLOCK = 65536 };

static uint8_t mark_at(size_t at)
{
    return (uint8_t)(turned[at] ^ 0xff);
}

static void put_mark(struct ps_buf *buf)
{
    uint8_t *to = ps_buf_reserve(buf, MARK_LEN);

    assert_non_null(to);
    for (size_t i = 0; i < MARK_LEN; i++) {
        to[i] = mark_at(i);
    }
    ps_buf_commit(buf, MARK_LEN);
}

static bool is_mark(const uint8_t *octets)
{
    for (size_t i = 0; i < MARK_LEN; i++) {
        if (octets[i] != mark_at(i)) {
            return false;
        }
    }
    return true;
}

/* libc looks for the first octet: there is all of a process's memory to look through. */
static size_t count_in(const uint8_t *octets, size_t len)
{
    size_t count = 0;

    while (len >= MARK_LEN) {
        const uint8_t *found = memchr(octets, mark_at(0), len - (MARK_LEN - 1));

        if (found == NULL) {
            break;
        }
        count += is_mark(found);
        len -= (size_t)(found - octets) + 1;
        octets = found + 1;
    }
    return count;
}

/* Blocks overlap by less than the mark. What cannot be read is left out. */
static size_t count_between(int memory, uint64_t low, uint64_t high)
{
    static uint8_t block[BLOCK];
    size_t count = 0;

    for (uint64_t at = low; at < high; at += BLOCK - (MARK_LEN - 1)) {
        const size_t len = high - at < BLOCK ? (size_t)(high - at) : BLOCK;
        const ssize_t got = pread(memory, block, len, (off_t)at);

        count += got > 0 ? count_in(block, (size_t)got) : 0;
        memset(block, 0, sizeof block);
    }
    return count;
}

/* In all memory that is no file's: a sanitizer's own, which is as large as the machine's, aside. */
static size_t count_marks(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    char line[512];
    size_t count = 0;

    assert_non_null(maps);
    assert_true(memory >= 0);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long long low;
        unsigned long long high;
        unsigned long long inode;
        char rights[8];

        if (sscanf(line, "%llx-%llx %7s %*s %*s %llu", &low, &high, rights, &inode) == 4 &&
            inode == 0 && strncmp(rights, "rw", 2) == 0 && high - low < (64u << 20)) {
            count += count_between(memory, low, high);
        }
    }
    (void)fclose(maps);
    (void)close(memory);
    return count;
}

static void the_search_finds_what_is_there(void **state)
{
    PS_BUF_AUTO buf = PS_BUF_SECRET(256);

    (void)state;
    put_mark(&buf);
    assert_int_equal(count_marks(), 1);
    put_mark(&buf);
    assert_int_equal(count_marks(), 2);
}

/* With something behind it that stays, so that it cannot grow where it is. */
static void it_leaves_nothing_where_it_was_when_it_grows(void **state)
{
    PS_BUF_AUTO buf = PS_BUF_SECRET(100000);
    void *behind[8];

    (void)state;
    ps_buf_put_str(&buf, "what an allocator may write over ");
    put_mark(&buf);
    for (size_t i = 0; i < PS_COUNT_OF(behind); i++) {
        behind[i] = malloc(24);
        assert_non_null(behind[i]);
        assert_non_null(ps_buf_reserve(&buf, buf.cap));
        assert_int_equal(count_marks(), 1);
    }
    assert_int_equal(count_in(buf.data, buf.len), 1);
    for (size_t i = 0; i < PS_COUNT_OF(behind); i++) {
        free(behind[i]);
    }
}

static void it_leaves_nothing_when_it_is_emptied(void **state)
{
    PS_BUF_AUTO buf = PS_BUF_SECRET(256);

    (void)state;
    put_mark(&buf);
    ps_buf_reset(&buf);
    assert_int_equal(count_marks(), 0);
    ps_buf_put_str(&buf, "stays");
    put_mark(&buf);
    ps_buf_cut(&buf, 5);
    assert_int_equal(count_marks(), 0);
    assert_text(ps_buf_bytes(&buf), "stays");
    put_mark(&buf);
    ps_buf_consume(&buf, 5 + MARK_LEN);
    assert_int_equal(count_marks(), 0);
    put_mark(&buf);
    ps_buf_put_str(&buf, "stays");
    ps_buf_consume(&buf, MARK_LEN);
    assert_int_equal(count_marks(), 0);
    assert_text(ps_buf_bytes(&buf), "stays");
}

/* What was written to reserved room, too, and not committed. It is of its kind afterwards. */
static void it_leaves_nothing_when_it_is_cleared(void **state)
{
    PS_BUF_AUTO buf = PS_BUF_SECRET(256);

    (void)state;
    for (int i = 0; i < 2; i++) {
        ps_buf_put_str(&buf, "what an allocator may write over ");
        put_mark(&buf);
        buf.len -= MARK_LEN;
        ps_buf_clear(&buf);
        assert_null(buf.data);
        assert_int_equal(count_marks(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_search_finds_what_is_there),
        cmocka_unit_test(it_leaves_nothing_where_it_was_when_it_grows),
        cmocka_unit_test(it_leaves_nothing_when_it_is_emptied),
        cmocka_unit_test(it_leaves_nothing_when_it_is_cleared),
    };

    /* An allocator that writes over what is freed, as `meson test` asks for, would hide it. */
    (void)mallopt(M_PERTURB, 0);
    return cmocka_run_group_tests_name("buf_secret", tests, NULL, NULL);
}
