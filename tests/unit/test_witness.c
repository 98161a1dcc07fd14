#include "tests/unit/signing.h"

#include "appliance/witness/witness.h"
#include "lib/base/encode.h"
#include "lib/formats/tlog/cosignature.h"
#include "lib/formats/tlog/proof_text.h"
#include "lib/system/file.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A witness, and a log of numbers that it watches. */

#define NAME     "log.example/a"
#define PATH_LEN 300

static char top[64];

struct scene {
    char directory[PATH_LEN - 100];
    EVP_PKEY *pkey;
    struct note_key log; /* under the name that is set */
    struct ps_buf key;   /* the witness's verifier key */
    struct note_key cosigner;
    struct witness *witness;
    struct ps_buf out;
};

static struct merkle_hash leaf(uint64_t number, uint64_t twist)
{
    number += twist;
    return merkle_leaf_hash(ps_bytes(&number, sizeof number));
}

/* Of a log whose leaves from `fork` on are others. */
struct numbers {
    uint64_t fork;
};

static enum ps_err read_hash(void *context, unsigned level, uint64_t index,
                             struct merkle_hash *ret_hash)
{
    const struct numbers *numbers = context;
    struct merkle_edge edge = {.size = 0};

    for (uint64_t at = index << level; at < (index + 1) << level; at++) {
        merkle_edge_append(&edge, leaf(at, at >= numbers->fork ? 1000000 : 0));
    }
    *ret_hash = merkle_edge_root(&edge);
    return PS_OK;
}

static void set_name(struct scene *s, const char *name)
{
    uint8_t octets[32];
    size_t len = sizeof octets;

    assert_int_equal(EVP_PKEY_get_raw_public_key(s->pkey, octets, &len), 1);
    assert_ok(note_key_make(ps_bytes_str(name), ps_bytes(octets, len), &s->log));
}

static void watch(struct scene *s)
{
    PS_BUF_AUTO text = {.max = 512};

    note_put_key(&s->log, &text);
    assert_ok(witness_add_log(s->directory, ps_buf_bytes(&text)));
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int begin(void **state)
{
    struct scene *s = calloc(1, sizeof *s);

    (void)snprintf(top, sizeof top, "/tmp/privyseal-witness-XXXXXX");
    assert_non_null(mkdtemp(top));
    (void)snprintf(s->directory, sizeof s->directory, "%s/witness", top);
    s->pkey = signing_make_key(PS_KEY_ED25519);
    ps_buf_init(&s->key, 512);
    ps_buf_init(&s->out, 65536);
    assert_ok(witness_create(s->directory, LITERAL("witness.example/w"), &s->key));
    assert_ok(cosigner_key_parse(ps_buf_bytes(&s->key), &s->cosigner));
    assert_ok(witness_open(s->directory, &s->witness));
    set_name(s, NAME);
    watch(s);
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct scene *s = *state;

    witness_free(s->witness);
    EVP_PKEY_free(s->pkey);
    ps_buf_clear(&s->key);
    ps_buf_clear(&s->out);
    free(s);
    (void)nftw(top, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static void put_checkpoint(const struct scene *s, uint64_t size, uint64_t fork, struct ps_buf *note)
{
    struct numbers numbers = {.fork = fork};
    const struct merkle_source source = {.read_hash = read_hash, .context = &numbers};
    struct checkpoint checkpoint = {.origin = s->log.name, .size = size};
    PS_BUF_AUTO signature = {.data = NULL};

    assert_ok(merkle_root(&source, size, &checkpoint.root));
    assert_ok(checkpoint_put(&checkpoint, note));
    signing_sign(s->pkey, PS_ALG_EDDSA, ps_buf_bytes(note), &signature);
    note_put_signature(&s->log, ps_buf_bytes(&signature), note, true);
}

static void put_request(const struct scene *s, uint64_t old, uint64_t size, uint64_t fork,
                        struct ps_buf *out)
{
    struct numbers numbers = {.fork = fork};
    const struct merkle_source source = {.read_hash = read_hash, .context = &numbers};
    static struct witness_request request;
    PS_BUF_AUTO note = {.max = 16384};

    request = (struct witness_request){.old = old};
    if (old <= size) {
        assert_ok(merkle_prove_consistency(&source, old, size, &request.proof));
    }
    put_checkpoint(s, size, fork, &note);
    request.checkpoint = ps_buf_bytes(&note);
    witness_request_put(&request, out);
    assert_ok(ps_buf_status(out));
}

/* The log grows from `old` to `size`; its leaves from `fork` on are not those of others. */
static enum witness_verdict add(struct scene *s, uint64_t old, uint64_t size, uint64_t fork)
{
    PS_BUF_AUTO request = {.max = WITNESS_REQUEST_MAX};

    put_request(s, old, size, fork, &request);
    ps_buf_reset(&s->out);
    return witness_add_checkpoint(s->witness, ps_buf_bytes(&request), &s->out);
}

#define HONEST UINT64_MAX

static void what_grows_is_cosigned(void **state)
{
    static const uint64_t sizes[] = {0, 1, 2, 7, 8, 8, 300, 300, 1000};
    struct scene *s = *state;

    for (size_t i = 0; i + 1 < PS_COUNT_OF(sizes); i++) {
        struct cosignature cosignature;
        PS_BUF_AUTO note = {.max = 32768};

        assert_int_equal(add(s, sizes[i], sizes[i + 1], HONEST), WITNESS_COSIGNED);
        put_checkpoint(s, sizes[i + 1], HONEST, &note);
        ps_buf_put(&note, ps_buf_bytes(&s->out));
        assert_ok(cosignature_open(ps_buf_bytes(&note), &s->cosigner, &cosignature));
        assert_true(cosignature.time_s > 1700000000);
    }
}

static void another_size_is_answered_with_the_one_it_knows(void **state)
{
    struct scene *s = *state;

    assert_int_equal(add(s, 3, 7, HONEST), WITNESS_OTHER_SIZE);
    assert_bytes(ps_buf_bytes(&s->out), LITERAL("0\n"));
    assert_int_equal(add(s, 0, 7, HONEST), WITNESS_COSIGNED);
    assert_int_equal(add(s, 0, 9, HONEST), WITNESS_OTHER_SIZE);
    assert_bytes(ps_buf_bytes(&s->out), LITERAL("7\n"));
    assert_int_equal(add(s, 9, 12, HONEST), WITNESS_OTHER_SIZE);
}

static void a_log_that_was_rolled_back_is_not_cosigned(void **state)
{
    struct scene *s = *state;

    assert_int_equal(add(s, 0, 100, HONEST), WITNESS_COSIGNED);
    assert_int_equal(add(s, 0, 60, HONEST), WITNESS_OTHER_SIZE);
    assert_int_equal(add(s, 60, 60, HONEST), WITNESS_OTHER_SIZE);
    assert_int_equal(add(s, 100, 60, HONEST), WITNESS_MALFORMED);
    assert_int_equal(add(s, 100, 100, HONEST), WITNESS_COSIGNED);
}

static void a_log_that_shows_another_face_is_not_cosigned(void **state)
{
    struct scene *s = *state;

    assert_int_equal(add(s, 0, 100, HONEST), WITNESS_COSIGNED);
    assert_int_equal(add(s, 100, 100, 99), WITNESS_OTHER_SIZE);
    assert_int_equal(add(s, 100, 120, 99), WITNESS_INCONSISTENT);
    assert_int_equal(add(s, 100, 120, 0), WITNESS_INCONSISTENT);
    /* The same beginning, others after it. */
    assert_int_equal(add(s, 100, 120, 100), WITNESS_COSIGNED);
    assert_int_equal(add(s, 120, 130, HONEST), WITNESS_INCONSISTENT);
}

static void what_it_saw_outlives_it(void **state)
{
    struct scene *s = *state;

    assert_int_equal(add(s, 0, 100, HONEST), WITNESS_COSIGNED);
    witness_free(s->witness);
    assert_ok(witness_open(s->directory, &s->witness));
    assert_int_equal(add(s, 0, 120, HONEST), WITNESS_OTHER_SIZE);
    assert_bytes(ps_buf_bytes(&s->out), LITERAL("100\n"));
    assert_int_equal(add(s, 100, 120, HONEST), WITNESS_COSIGNED);
}

static void only_logs_that_it_watches_and_that_signed(void **state)
{
    struct scene *s = *state;
    PS_BUF_AUTO request = {.max = WITNESS_REQUEST_MAX};

    set_name(s, "log.example/b");
    assert_int_equal(add(s, 0, 5, HONEST), WITNESS_UNKNOWN);
    set_name(s, NAME);
    EVP_PKEY_free(s->pkey);
    s->pkey = signing_make_key(PS_KEY_ED25519);
    assert_int_equal(add(s, 0, 5, HONEST), WITNESS_NOT_SIGNED);
    set_name(s, NAME);
    assert_int_equal(add(s, 0, 5, HONEST), WITNESS_NOT_SIGNED);
    put_request(s, 0, 5, HONEST, &request);
    for (size_t len = 0; len < request.len; len += 7) {
        ps_buf_reset(&s->out);
        assert_int_not_equal(
            witness_add_checkpoint(s->witness, ps_bytes(request.data, len), &s->out),
            WITNESS_COSIGNED);
    }
}

static void an_appliance_s_key_is_good_for_its_shards(void **state)
{
    struct scene *s = *state;

    set_name(s, "app.example/events");
    watch(s);
    assert_int_equal(add(s, 0, 5, HONEST), WITNESS_COSIGNED);
    set_name(s, "app.example/use/2026-11-0001");
    assert_int_equal(add(s, 0, 9, HONEST), WITNESS_COSIGNED);
    set_name(s, "app.example/use/2026-11-0002");
    assert_int_equal(add(s, 0, 3, HONEST), WITNESS_COSIGNED);
    set_name(s, "app.example/other");
    assert_int_equal(add(s, 0, 3, HONEST), WITNESS_UNKNOWN);
}

static void find_seen(const struct scene *s, char path[PATH_LEN])
{
    uint8_t id[PS_SHA256_LEN];
    PS_BUF_AUTO name = {.max = PATH_LEN};

    ps_sha256(s->log.name, id);
    ps_buf_printf(&name, "%s/seen/", s->directory);
    ps_buf_put_hex(&name, ps_bytes(id, sizeof id));
    ps_buf_put_u8(&name, '\0');
    memcpy(path, name.data, name.len);
}

/* Whoever is given the file holds a copy of the log against it, which believes the log's key alone.
 */
static void what_it_keeps_the_log_has_signed(void **state)
{
    struct scene *s = *state;
    struct checkpoint checkpoint;
    struct cosignature cosignature;
    struct note_key key;
    char path[PATH_LEN];
    PS_BUF_AUTO kept = {.max = 0};

    assert_int_equal(add(s, 0, 100, HONEST), WITNESS_COSIGNED);
    find_seen(s, path);
    assert_ok(file_read(path, 16384, &kept));
    assert_ok(checkpoint_open(ps_buf_bytes(&kept), &s->log, &checkpoint));
    assert_int_equal(checkpoint.size, 100);
    assert_ok(cosigner_key_parse(ps_buf_bytes(&s->key), &key));
    assert_ok(cosignature_open(ps_buf_bytes(&kept), &key, &cosignature));
}

/* Else taking away its memory, in part, would be a way to have it cosign an older log. */
static void a_memory_that_is_not_its_own_is_not_believed(void **state)
{
    struct scene *s = *state;
    char path[PATH_LEN];
    PS_BUF_AUTO kept = {.max = 0};

    assert_int_equal(add(s, 0, 100, HONEST), WITNESS_COSIGNED);
    find_seen(s, path);
    assert_ok(file_read(path, 16384, &kept));
    kept.data[kept.len - 20] ^= 1;
    assert_ok(file_write(path, ps_buf_bytes(&kept), 0644));
    assert_int_equal(add(s, 100, 120, HONEST), WITNESS_FAILED);
    assert_ok(file_write(path, ps_bytes(NULL, 0), 0644));
    assert_int_equal(add(s, 0, 120, HONEST), WITNESS_FAILED);
}

/* What was cosigned and not remembered could be cosigned otherwise tomorrow. */
static void nothing_is_cosigned_that_cannot_be_remembered(void **state)
{
    struct scene *s = *state;
    char path[PATH_LEN];

    find_seen(s, path);
    (void)strcat(path, ".new");
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(add(s, 0, 100, HONEST), WITNESS_FAILED);
    assert_int_equal(s->out.len, 0);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(add(s, 0, 100, HONEST), WITNESS_COSIGNED);
}

static void its_key_is_its_own(void **state)
{
    struct scene *s = *state;
    struct witness *other = NULL;
    char path[PATH_LEN];
    struct stat found;
    PS_BUF_AUTO key = {.max = 512};

    (void)snprintf(path, sizeof path, "%s/key", s->directory);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    witness_put_key(s->witness, &key);
    assert_bytes(ps_buf_bytes(&key), ps_buf_bytes(&s->key));
    assert_fails(PS_E_CONFLICT, witness_create(s->directory, LITERAL("other"), &key));
    assert_fails(PS_E_INPUT, witness_create("/no/such/place", LITERAL("a name"), &key));
    assert_int_equal(chmod(path, 0644), 0);
    assert_fails(PS_E_DENIED, witness_open(s->directory, &other));
    assert_ok(file_write(path, LITERAL("PRIVATE+KEY+a+00000000+AQ==\n"), 0600));
    assert_fails(PS_E_INPUT, witness_open(s->directory, &other));
    assert_fails(PS_E_NOT_FOUND, witness_open(top, &other));
}

static void logs_are_added_once_and_by_their_keys(void **state)
{
    struct scene *s = *state;
    PS_BUF_AUTO text = {.max = 512};

    note_put_key(&s->log, &text);
    assert_fails(PS_E_CONFLICT, witness_add_log(s->directory, ps_buf_bytes(&text)));
    assert_fails(PS_E_INPUT, witness_add_log(s->directory, ps_buf_bytes(&s->key)));
    assert_fails(PS_E_INPUT, witness_add_log(s->directory, LITERAL("nonsense")));
}

/* A log that was restored: what was seen of it before holds for it still. */
static void a_restored_log_goes_on_with_another_key(void **state)
{
    struct scene *s = *state;
    PS_BUF_AUTO former = {.max = 512};
    PS_BUF_AUTO other = {.max = 512};
    PS_BUF_AUTO key = {.max = 512};
    EVP_PKEY *before = s->pkey;

    assert_int_equal(add(s, 0, 100, HONEST), WITNESS_COSIGNED);
    note_put_key(&s->log, &former);
    s->pkey = signing_make_key(PS_KEY_ED25519);
    set_name(s, "log.example/b");
    watch(s);
    note_put_key(&s->log, &other);
    set_name(s, NAME);
    note_put_key(&s->log, &key);
    assert_int_equal(add(s, 100, 150, HONEST), WITNESS_NOT_SIGNED);
    assert_fails(PS_E_CONFLICT, witness_add_log(s->directory, ps_buf_bytes(&key)));
    assert_fails(PS_E_CONFLICT,
                 witness_replace_log(s->directory, ps_buf_bytes(&key), ps_buf_bytes(&key)));
    assert_fails(PS_E_INPUT,
                 witness_replace_log(s->directory, ps_buf_bytes(&other), ps_buf_bytes(&key)));
    assert_ok(witness_replace_log(s->directory, ps_buf_bytes(&former), ps_buf_bytes(&key)));
    assert_int_equal(add(s, 0, 150, HONEST), WITNESS_OTHER_SIZE);
    assert_int_equal(add(s, 100, 150, 50), WITNESS_INCONSISTENT);
    assert_int_equal(add(s, 100, 150, HONEST), WITNESS_COSIGNED);
    set_name(s, "log.example/b");
    assert_int_equal(add(s, 0, 7, HONEST), WITNESS_COSIGNED);
    EVP_PKEY_free(s->pkey);
    s->pkey = before;
    set_name(s, NAME);
    assert_int_equal(add(s, 150, 200, HONEST), WITNESS_NOT_SIGNED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_grows_is_cosigned, begin, end),
        cmocka_unit_test_setup_teardown(another_size_is_answered_with_the_one_it_knows, begin, end),
        cmocka_unit_test_setup_teardown(a_log_that_was_rolled_back_is_not_cosigned, begin, end),
        cmocka_unit_test_setup_teardown(a_log_that_shows_another_face_is_not_cosigned, begin, end),
        cmocka_unit_test_setup_teardown(what_it_saw_outlives_it, begin, end),
        cmocka_unit_test_setup_teardown(only_logs_that_it_watches_and_that_signed, begin, end),
        cmocka_unit_test_setup_teardown(an_appliance_s_key_is_good_for_its_shards, begin, end),
        cmocka_unit_test_setup_teardown(what_it_keeps_the_log_has_signed, begin, end),
        cmocka_unit_test_setup_teardown(a_memory_that_is_not_its_own_is_not_believed, begin, end),
        cmocka_unit_test_setup_teardown(nothing_is_cosigned_that_cannot_be_remembered, begin, end),
        cmocka_unit_test_setup_teardown(its_key_is_its_own, begin, end),
        cmocka_unit_test_setup_teardown(logs_are_added_once_and_by_their_keys, begin, end),
        cmocka_unit_test_setup_teardown(a_restored_log_goes_on_with_another_key, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
