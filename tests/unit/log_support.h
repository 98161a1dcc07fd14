#ifndef TESTS_UNIT_LOG_SUPPORT_H
#define TESTS_UNIT_LOG_SUPPORT_H

#include "tests/unit/support.h"

#include "keystore/log/io.h"
#include "keystore/log/log.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

/* A log in a directory of its own, with counters of what its handler heard. */

#define PATH_LEN   512
#define DEADLINE_S 120u

struct fixture {
    char top[PATH_LEN / 4];
    struct ps_loop *loop;
    struct log_writer *writer;
    struct log *log;
    struct log_config config;
    char directory[PATH_LEN / 2];
    unsigned durable_calls;
    unsigned failed_calls;
    unsigned shard_calls;
    struct tree_info shard; /* the last one told */
};

static inline PS_UNUSED void on_durable(void *context, struct log *log)
{
    (void)log;
    ((struct fixture *)context)->durable_calls++;
}

static inline PS_UNUSED void on_failed(void *context, struct log *log)
{
    (void)log;
    ((struct fixture *)context)->failed_calls++;
}

static inline PS_UNUSED void on_shard(void *context, struct log *log, const struct tree_info *info)
{
    struct fixture *f = context;

    (void)log;
    f->shard_calls++;
    f->shard = *info;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline PS_UNUSED void remove_tree(const char *path)
{
    (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline PS_UNUSED void start_writer(struct fixture *f, const struct log_io *io)
{
    const struct log_handler handler = {on_durable, on_failed, on_shard};

    assert_ok(ps_loop_new(&f->loop));
    assert_ok(log_writer_new(f->loop, &handler, f, &f->writer));
    if (io != NULL) {
        log_writer_set_io(f->writer, io);
    }
}

static inline PS_UNUSED void stop_writer(struct fixture *f)
{
    log_writer_free(f->writer);
    ps_loop_free(f->loop);
    f->writer = NULL;
    f->loop = NULL;
    f->log = NULL;
}

/* Tests of many small logs set this: what they are about is not the disk. */
static bool in_memory;

static inline PS_UNUSED const char *scratch_top(void)
{
    const char *top = getenv("TMPDIR");

    if (in_memory && access("/dev/shm", W_OK) == 0) {
        return "/dev/shm";
    }
    return top == NULL ? "/tmp" : top;
}

static inline PS_UNUSED struct fixture *make_fixture(void)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    (void)snprintf(f->top, sizeof f->top, "%s/privyseal-log-XXXXXX", scratch_top());
    assert_non_null(mkdtemp(f->top));
    (void)snprintf(f->directory, sizeof f->directory, "%s/events", f->top);
    f->config = (struct log_config){.directory = f->directory, .name = "events"};
    return f;
}

static inline PS_UNUSED void use_shards(struct fixture *f, uint64_t leaves)
{
    (void)snprintf(f->directory, sizeof f->directory, "%s/use", f->top);
    f->config.name = "use";
    f->config.sharded = true;
    f->config.shard_leaves = leaves;
}

static inline PS_UNUSED void open_log(struct fixture *f)
{
    if (f->writer == NULL) {
        start_writer(f, NULL);
    }
    assert_ok(log_open(f->writer, &f->config, &f->log));
}

static inline PS_UNUSED void free_fixture(struct fixture *f)
{
    stop_writer(f);
    remove_tree(f->top);
    free(f);
}

/* Leaf i is its decimal text, as in tests/vectors/log/trees.json. */
static inline PS_UNUSED struct ps_bytes number_leaf(uint64_t number, char out[24])
{
    return ps_bytes(out, (size_t)snprintf(out, 24, "%llu", (unsigned long long)number));
}

static inline PS_UNUSED void append_numbers(struct fixture *f, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++) {
        char text[24];
        uint64_t index = UINT64_MAX;

        assert_ok(log_append(f->log, number_leaf(i, text), &index));
        assert_int_equal(index, i);
    }
}

static inline PS_UNUSED void fill_log(struct fixture *f, uint64_t size)
{
    open_log(f);
    append_numbers(f, log_size(f->log), size);
    assert_ok(log_sync(f->log));
    assert_int_equal(log_durable(f->log), size);
}

/* Turns the loop until `condition` holds; fails after the deadline. */
#define wait_until(f, condition)                                                                   \
    do {                                                                                           \
        const uint64_t end_ns = ps_clock_mono_ns() + DEADLINE_S * PS_NS_PER_S;                     \
        while (!(condition)) {                                                                     \
            assert_true(ps_clock_mono_ns() < end_ns);                                              \
            assert_ok(ps_loop_turn((f)->loop, 100));                                               \
        }                                                                                          \
    } while (0)

/* The root over the first `size` number leaves, by the edge of lib/formats. */
static inline PS_UNUSED struct merkle_hash numbers_root(uint64_t from, uint64_t to)
{
    struct merkle_edge edge = {0};

    for (uint64_t i = from; i < to; i++) {
        char text[24];

        merkle_edge_append(&edge, merkle_leaf_hash(number_leaf(i, text)));
    }
    return merkle_edge_root(&edge);
}

static inline PS_UNUSED void assert_root(struct fixture *f, uint64_t size,
                                         struct merkle_hash expected)
{
    struct merkle_hash root;

    assert_ok(log_root(f->log, size, &root));
    assert_memory_equal(root.octets, expected.octets, sizeof root.octets);
}

/* A checkpoint whose signature nobody looks at here. */
static inline PS_UNUSED void put_note(const char *origin, uint64_t size, struct merkle_hash root,
                                      struct ps_buf *out)
{
    ps_buf_printf(out, "%s\n%llu\n", origin, (unsigned long long)size);
    ps_buf_put_base64(out, ps_bytes(root.octets, sizeof root.octets));
    ps_buf_printf(out, "\n\n\xe2\x80\x94 %s AAAA\n", origin);
    assert_ok(ps_buf_status(out));
}

static inline PS_UNUSED enum ps_err set_note(struct fixture *f, const char *origin, uint64_t size,
                                             struct merkle_hash root)
{
    PS_BUF_AUTO note;

    ps_buf_init(&note, 16384);
    put_note(origin, size, root, &note);
    return log_set_checkpoint(f->log, ps_buf_bytes(&note));
}

static inline PS_UNUSED void checkpoint_log(struct fixture *f)
{
    const uint64_t size = log_tree_size(f->log);
    char origin[64];
    struct merkle_hash root;

    (void)snprintf(origin, sizeof origin, "t/%s%s%s", f->config.name, f->config.sharded ? "/" : "",
                   log_shard(f->log));
    assert_ok(log_root(f->log, size, &root));
    assert_ok(set_note(f, origin, size, root));
    assert_ok(log_sync(f->log));
}

static inline PS_UNUSED void path_in(const struct fixture *f, const char *name, char out[PATH_LEN])
{
    (void)snprintf(out, PATH_LEN, "%s/%s", f->directory, name);
}

static inline PS_UNUSED void copy_file(const char *from, const char *to, uint64_t octets)
{
    FILE *in = fopen(from, "rbe");
    FILE *out = fopen(to, "wbe");
    uint8_t piece[4096];
    size_t got;

    assert_non_null(in);
    assert_non_null(out);
    do {
        got = fread(piece, 1, octets < sizeof piece ? (size_t)octets : sizeof piece, in);
        assert_int_equal(fwrite(piece, 1, got, out), got);
        octets -= got;
    } while (got != 0);
    assert_false(ferror(in));
    assert_int_equal(fclose(in), 0);
    assert_int_equal(fclose(out), 0);
}

static inline PS_UNUSED uint64_t file_length(const char *path)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    return (uint64_t)status.st_size;
}

static inline PS_UNUSED uint64_t entries_length(const struct fixture *f)
{
    char path[PATH_LEN];

    path_in(f, "entries", path);
    return file_length(path);
}

static inline PS_UNUSED void flip_bit(const char *path, uint64_t octet, unsigned bit)
{
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    uint8_t value;

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &value, 1, (off_t)octet), 1);
    value ^= (uint8_t)(1u << bit);
    assert_int_equal(pwrite(fd, &value, 1, (off_t)octet), 1);
    assert_int_equal(close(fd), 0);
}

/* Leaves of all lengths. */
static inline PS_UNUSED struct ps_bytes sized_leaf(uint64_t number, size_t len,
                                                   uint8_t out[LOG_ENTRY_MAX])
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)('a' + (number * 7 + i * i) % 26);
    }
    return ps_bytes(out, len);
}

static inline PS_UNUSED void append_sized(struct fixture *f, size_t len)
{
    uint8_t *leaf = malloc(LOG_ENTRY_MAX);
    uint64_t index;

    assert_non_null(leaf);
    assert_ok(log_append(f->log, sized_leaf(log_size(f->log), len, leaf), &index));
    free(leaf);
}

#endif
