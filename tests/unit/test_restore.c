#include "tests/unit/scratch.h"
#include "tests/unit/signing.h"
#include "tests/unit/support.h"

#include "appliance/restore/internal.h"
#include "lib/base/clock.h"
#include "lib/formats/tlog/note.h"
#include "lib/system/file.h"

#include <sys/stat.h>

/* From a backup to the directory that a keeper takes in; tests/vectors/backup has one. */

static char data[SCRATCH_PATH_MAX];
static char file[SCRATCH_PATH_MAX * 4];

static int begin(void **state)
{
    (void)scratch_make(state);
    scratch_path("data", data);
    (void)snprintf(file, sizeof file, "%s/tests/vectors/backup/practice.privyseal-backup",
                   source_root());
    return 0;
}

static bool is_there(const char *name)
{
    char path[SCRATCH_PATH_MAX];

    scratch_path(name, path);
    return access(path, F_OK) == 0;
}

static void it_has_its_name_when_it_is_whole_and_not_before(void **state)
{
    struct place *place;

    (void)state;
    assert_ok(place_new(data, &place));
    assert_ok(place_put_leaf(place, ps_bytes_str("{}")));
    assert_ok(place_put_row(place, ps_bytes_str("{}")));
    assert_true(is_there("data/restore.part") && !is_there("data/restore"));
    place_free(place); /* as when it fails */
    assert_false(is_there("data/restore.part") || is_there("data/restore"));
    assert_ok(place_new(data, &place));
    assert_ok(place_finish(place, ps_bytes_str("note"), ps_bytes_str("{}")));
    place_free(place);
    assert_true(is_there("data/restore/events/entries") && is_there("data/restore/rows") &&
                is_there("data/restore/events/checkpoint") && is_there("data/restore/facts"));
}

static void what_was_killed_half_way_is_in_nobodys_way(void **state)
{
    char path[SCRATCH_PATH_MAX];
    struct place *place;

    (void)state;
    assert_int_equal(mkdir(data, 0700), 0);
    scratch_path("data/restore.part", path);
    assert_int_equal(mkdir(path, 0700), 0);
    scratch_path("data/restore.part/rows", path);
    assert_int_equal(close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
    assert_ok(place_new(data, &place));
    place_free(place);
}

static void an_appliance_is_not_restored_over(void **state)
{
    char path[SCRATCH_PATH_MAX];
    struct place *place;
    int fd;

    (void)state;
    assert_ok(place_new(data, &place));
    assert_ok(place_finish(place, ps_bytes_str("note"), ps_bytes_str("{}")));
    place_free(place);
    assert_int_equal(place_new(data, &place), PS_E_CONFLICT); /* one waits to be taken in */
    assert_true(is_there("data/restore/facts"));
    scratch_path("data/restore", path);
    assert_int_equal(nftw(path, scratch_remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
    scratch_path("data/log", path);
    assert_int_equal(mkdir(path, 0700), 0);
    scratch_path("data/log/events", path);
    assert_int_equal(mkdir(path, 0700), 0);
    scratch_path("data/log/events/entries", path);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "\0\0\0\0", 4), 4);
    assert_int_equal(close(fd), 0);
    assert_ok(place_new(data, &place)); /* room, and no leaf */
    place_free(place);
    fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_int_equal(write(fd, "\0\2{}", 4), 4);
    assert_int_equal(close(fd), 0);
    assert_int_equal(place_new(data, &place), PS_E_CONFLICT);
    assert_false(is_there("data/restore.part"));
    assert_int_equal(place_new("/no/such/directory/data", &place), PS_E_STORAGE);
}

struct lost {
    char names[512];
};

static void on_lost(void *context, const char *name)
{
    struct lost *lost = context;
    const size_t used = strlen(lost->names);

    (void)snprintf(lost->names + used, sizeof lost->names - used, "%s ", name);
}

static void take(struct census *census, const char *effects)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    PS_BUF_AUTO leaf = {.max = 8192};
    struct log_event event;

    assert_ok(json_new(&json));
    ps_buf_printf(&leaf,
                  "{\"data\":{\"effects\":[%s]},\"kind\":\"result\",\"time\":\"2026-11-20T10:00:00."
                  "000001Z\",\"v\":1}",
                  effects);
    assert_ok(log_event_read(json, ps_buf_bytes(&leaf), &event));
    assert_ok(census_take_event(census, &event));
}

#define KEY(name, residence, state)                                                                \
    "{\"kind\":\"key\",\"name\":\"" name "\",\"row\":{\"residence\":\"" residence                  \
    "\",\"state\":\"" state "\"}}"
#define VERSION(name, id, state, token, more)                                                      \
    "{\"kind\":\"version\",\"name\":\"" name "\",\"row\":{\"object_id\":\"" id "\"," more          \
    "\"state\":\"" state "\",\"token\":\"" token "\"}}"
#define ID_A "AQEBAQEBAQEBAQEBAQEBAQ" /* 16 octets of 1 */
#define ID_B "AgICAgICAgICAgICAgICAg"
#define ID_C "AwMDAwMDAwMDAwMDAwMDAw"
#define ROW(id, wrapping)                                                                          \
    "{\"body\":{\"wrapping\":" wrapping "},\"kind\":\"wrapped\",\"name\":\"" id "\"}"

static void keys_are_lost_with_their_tokens_and_rows(void **state)
{
    static const char *const both[] = {"a", "b"};
    static const char *const second[] = {"b"};
    PS_CLEANUP(census_free_cleanup) struct census *census = NULL;
    struct lost lost = {""};

    (void)state;
    assert_ok(census_new(&census));
    take(census, KEY("privyseal.log", "token", "active") "," VERSION("privyseal.log/1", ID_A,
                                                                     "active", "a", ""));
    take(census, KEY("only", "token", "active") "," VERSION("only/1", ID_A, "active", "a", ""));
    take(census, KEY("gone", "token", "active") "," VERSION("gone/1", ID_A, "active", "a", ""));
    take(census,
         KEY("gone", "token", "destroyed") "," VERSION("gone/1", ID_A, "destroyed", "a", ""));
    take(census, KEY("privyseal.wrapping", "token", "active") "," VERSION(
                     "privyseal.wrapping/1", ID_A, "active", "a", "\"replicas\":[\"b\"],"));
    take(census, KEY("kept", "wrapped", "active") "," VERSION("kept/1", ID_A, "active", "a", ""));
    take(census, KEY("late", "wrapped", "active") "," VERSION("late/1", ID_B, "active", "a", ""));
    assert_ok(census_take_row(census, ps_bytes_str(ROW("01010101010101010101010101010101", "1"))));
    assert_ok(census_lost(census, &(struct census_tokens){both, 2}, on_lost, &lost));
    assert_string_equal(lost.names, "late "); /* made after the backup */
    lost.names[0] = '\0';
    assert_ok(census_lost(census, &(struct census_tokens){second, 1}, on_lost, &lost));
    assert_string_equal(lost.names, "late only ");
    lost.names[0] = '\0';
    assert_ok(census_lost(census, &(struct census_tokens){second, 0}, on_lost, &lost));
    assert_string_equal(lost.names, "kept late only privyseal.wrapping ");
    assert_fails(PS_E_INPUT, census_take_row(census, ps_bytes_str(ROW("0102", "1"))));
}

/* A backup of before a rotation, with a mirror of after it. */
static void keys_are_lost_with_the_version_that_wrapped_them(void **state)
{
    static const char *const both[] = {"a", "b"};
    static const char *const second[] = {"b"};
    PS_CLEANUP(census_free_cleanup) struct census *census = NULL;
    struct lost lost = {""};

    (void)state;
    assert_ok(census_new(&census));
    take(census, KEY("privyseal.wrapping", "token", "active"));
    take(census,
         VERSION("privyseal.wrapping/1", ID_C, "deactivated", "a", "\"replicas\":[\"b\"],"));
    take(census, VERSION("privyseal.wrapping/2", ID_C, "active", "a", ""));
    take(census, KEY("first", "wrapped", "active") "," VERSION("first/1", ID_A, "active", "a", ""));
    take(census, KEY("next", "wrapped", "active") "," VERSION("next/1", ID_B, "active", "a", ""));
    assert_ok(census_take_row(census, ps_bytes_str(ROW("01010101010101010101010101010101", "1"))));
    assert_ok(census_take_row(census, ps_bytes_str(ROW("02020202020202020202020202020202", "2"))));
    assert_ok(census_lost(census, &(struct census_tokens){both, 2}, on_lost, &lost));
    assert_string_equal(lost.names, "");
    assert_ok(census_lost(census, &(struct census_tokens){second, 1}, on_lost, &lost));
    assert_string_equal(lost.names, "next privyseal.wrapping ");
    lost.names[0] = '\0';
    take(census, VERSION("privyseal.wrapping/1", ID_C, "destroyed", "a", "\"replicas\":[\"b\"],"));
    assert_ok(census_lost(census, &(struct census_tokens){both, 2}, on_lost, &lost));
    assert_string_equal(lost.names, "first ");
}

static void the_next_shard_has_a_name_of_its_own(void **state)
{
    const uint64_t november = UINT64_C(1795228891) * PS_NS_PER_S;
    PS_CLEANUP(census_free_cleanup) struct census *census = NULL;
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct log_event event;
    char name[16];

    (void)state;
    assert_ok(census_new(&census));
    assert_ok(json_new(&json));
    census_put_next_shard(census, november, name);
    assert_string_equal(name, "2026-11-0002");
    assert_ok(log_event_read(
        json,
        ps_bytes_str("{\"data\":{\"first\":0,\"log\":\"use\",\"name\":\"2026-11-0007\",\"root\":"
                     "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"size\":4},\"kind\":"
                     "\"shard\",\"time\":\"2026-11-20T10:00:00.000001Z\",\"v\":1}"),
        &event));
    assert_ok(census_take_event(census, &event));
    census_put_next_shard(census, november, name);
    assert_string_equal(name, "2026-11-0009");
    census_put_next_shard(census, november + UINT64_C(31) * 86400 * PS_NS_PER_S, name);
    assert_string_equal(name, "2026-12-0002");
}

/* --- A mirror that somebody made: with a genesis, a key and a checkpoint of his own --- */

#define STRANGER "privyseal-dev.example/practice/events"

struct stranger {
    EVP_PKEY *pkey;
    struct note_key key;
    struct ps_buf entries;
    struct merkle_edge edge;
};

static void put_entry(struct stranger *stranger, const struct ps_buf *leaf)
{
    assert_ok(ps_buf_status(leaf));
    ps_buf_put_u16(&stranger->entries, (uint16_t)leaf->len);
    ps_buf_put(&stranger->entries, ps_buf_bytes(leaf));
    merkle_edge_append(&stranger->edge, merkle_leaf_hash(ps_buf_bytes(leaf)));
}

static void put_entries(struct stranger *stranger, uint64_t count)
{
    static const char time[] = "\"time\":\"2026-01-02T03:04:05.000001Z\",\"v\":1}";
    PS_BUF_AUTO leaf = {.max = 4096};

    ps_buf_put_str(&leaf, "{\"data\":{\"log_key\":\"");
    note_put_key(&stranger->key, &leaf);
    ps_buf_printf(&leaf, "\"},\"kind\":\"genesis\",%s", time);
    put_entry(stranger, &leaf);
    ps_buf_reset(&leaf);
    ps_buf_printf(&leaf, "{\"data\":{},\"kind\":\"drill\",%s", time);
    while (stranger->edge.size < count) {
        put_entry(stranger, &leaf);
    }
}

static void write_octets(const char *name, const struct ps_buf *octets)
{
    char path[SCRATCH_PATH_MAX];

    assert_ok(ps_buf_status(octets));
    scratch_path(name, path);
    assert_ok(file_write(path, ps_buf_bytes(octets), 0600));
}

static void write_mirror(const struct stranger *stranger)
{
    const struct checkpoint checkpoint = {.origin = stranger->key.name,
                                          .size = stranger->edge.size,
                                          .root = merkle_edge_root(&stranger->edge)};
    PS_BUF_AUTO note = {.max = 4096};
    PS_BUF_AUTO signature = {.data = NULL};
    char path[SCRATCH_PATH_MAX];

    scratch_path("mirror", path);
    assert_int_equal(mkdir(path, 0700), 0);
    scratch_path("mirror/events", path);
    assert_int_equal(mkdir(path, 0700), 0);
    write_octets("mirror/events/entries", &stranger->entries);
    assert_ok(checkpoint_put(&checkpoint, &note));
    signing_sign(stranger->pkey, PS_ALG_EDDSA, ps_buf_bytes(&note), &signature);
    note_put_signature(&stranger->key, ps_buf_bytes(&signature), &note, true);
    write_octets("mirror/events/checkpoint", &note);
}

static void a_mirror_of_another_log_is_refused(void **state)
{
    PS_CLEANUP(census_free_cleanup) struct census *census = NULL;
    struct gathered gathered = {.checkpoint = {.max = BACKUP_RECORD_MAX}};
    struct gather_request request = {.file = file};
    struct stranger stranger = {.pkey = signing_make_key(PS_KEY_ED25519),
                                .entries = {.max = READ_FILE_MAX}};
    char mirror[SCRATCH_PATH_MAX];
    uint8_t octets[32];
    size_t len = sizeof octets;

    (void)state;
    assert_ok(census_new(&census));
    request.census = census;
    assert_ok(gather(&request, &gathered));
    assert_int_equal(EVP_PKEY_get_raw_public_key(stranger.pkey, octets, &len), 1);
    assert_ok(note_key_make(LITERAL(STRANGER), ps_bytes(octets, len), &stranger.key));
    put_entries(&stranger, gathered.leaves + 2);
    write_mirror(&stranger);
    scratch_path("mirror", mirror);
    request.mirror = mirror;
    ps_buf_reset(&gathered.checkpoint);
    assert_fails(PS_E_DENIED, gather(&request, &gathered));
    assert_non_null(strstr(ps_detail()->text, "the mirror is of another log"));
    ps_buf_clear(&gathered.checkpoint);
    ps_buf_clear(&stranger.entries);
    EVP_PKEY_free(stranger.pkey);
}

/* Its own checkpoint says that nothing is missing; another log's is refused. */
static void check_seen(const struct gather_request *request, struct gathered *gathered)
{
    struct gather_request with = *request;
    char other[SCRATCH_PATH_MAX * 4];
    PS_BUF_AUTO note = {.max = NOTE_OCTETS_MAX};
    PS_BUF_AUTO stranger = {.max = NOTE_OCTETS_MAX};

    with.sink = NULL;
    ps_buf_put(&note, ps_buf_bytes(&gathered->checkpoint));
    with.checkpoint = ps_buf_bytes(&note);
    ps_buf_reset(&gathered->checkpoint);
    gathered->leaves = 0;
    assert_ok(gather(&with, gathered));
    assert_true(gathered->seen.size == gathered->leaves && gathered->seen.missing == 0);
    (void)snprintf(other, sizeof other, "%s/tests/vectors/log/sample/events/checkpoint",
                   source_root());
    assert_true(read_file(other, &stranger));
    with.checkpoint = ps_buf_bytes(&stranger);
    ps_buf_reset(&gathered->checkpoint);
    assert_fails(PS_E_DENIED, gather(&with, gathered));
    with.checkpoint = ps_bytes_str("no note");
    assert_fails(PS_E_INPUT, gather(&with, gathered));
}

static void a_backup_is_gathered_whole_or_refused(void **state)
{
    static const uint8_t other[PS_SHA256_LEN] = {1};
    PS_CLEANUP(census_free_cleanup) struct census *census = NULL;
    struct gathered gathered = {.checkpoint = {.max = BACKUP_RECORD_MAX}};
    struct gather_request request = {.file = file};
    struct place *place;
    struct gather_sink sink = {.row = place_put_row, .leaf = place_put_leaf};

    (void)state;
    assert_ok(census_new(&census));
    request.census = census;
    assert_ok(place_new(data, &place));
    sink.context = place;
    request.sink = &sink;
    assert_ok(gather(&request, &gathered));
    assert_int_equal(gathered.leaves, gathered.backup.leaves);
    assert_true(gathered.checkpoint.len > 100 && gathered.seen.size == 0);
    place_free(place);
    check_seen(&request, &gathered);
    ps_buf_reset(&gathered.checkpoint);
    request.sink = NULL;
    request.genesis = ps_bytes(other, sizeof other);
    assert_int_equal(gather(&request, &gathered), PS_E_DENIED);
    request.genesis = ps_bytes(NULL, 0);
    request.mirror = "/no/such/directory";
    ps_buf_reset(&gathered.checkpoint);
    assert_int_equal(gather(&request, &gathered), PS_E_NOT_FOUND);
    request.file = "/no/such/file";
    assert_int_equal(gather(&request, &gathered), PS_E_NOT_FOUND);
    ps_buf_clear(&gathered.checkpoint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_has_its_name_when_it_is_whole_and_not_before, begin,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(what_was_killed_half_way_is_in_nobodys_way, begin,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(an_appliance_is_not_restored_over, begin, scratch_remove),
        cmocka_unit_test_setup_teardown(keys_are_lost_with_their_tokens_and_rows, begin,
                                        scratch_remove),
        cmocka_unit_test(keys_are_lost_with_the_version_that_wrapped_them),
        cmocka_unit_test_setup_teardown(the_next_shard_has_a_name_of_its_own, begin,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(a_backup_is_gathered_whole_or_refused, begin,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(a_mirror_of_another_log_is_refused, begin, scratch_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
