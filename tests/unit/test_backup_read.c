#include "tests/unit/support.h"

#include "lib/base/encode.h"
#include "lib/base/reader.h"
#include "lib/ceremony/backup/backup_read.h"

/* A backup is what it was, or the place that is not is named. tests/vectors/backup has one. */

#define GENESIS "657ef539de42fab89d4a06b814e86d7db312e5527b1fab528ff0c882633a04cc"

static struct ps_buf backup;

static int read_backup(void **state)
{
    (void)state;
    ps_buf_init(&backup, READ_FILE_MAX);
    read_vectors("backup/practice.privyseal-backup", &backup);
    return 0;
}

static int forget_backup(void **state)
{
    (void)state;
    ps_buf_clear(&backup);
    return 0;
}

static enum ps_err verify(struct ps_bytes octets, size_t piece, const struct backup_trust *trust,
                          struct backup_summary *ret_summary)
{
    PS_CLEANUP(backup_reader_free_cleanup) struct backup_reader *reader = NULL;

    PS_TRY(backup_reader_new(trust, &(struct backup_calls){.row = NULL}, &reader));
    while (octets.len != 0) {
        const size_t count = octets.len < piece ? octets.len : piece;

        PS_TRY(backup_reader_feed(reader, ps_bytes(octets.data, count)));
        octets = ps_bytes_from(octets, count);
    }
    return backup_reader_finish(reader, ret_summary);
}

static enum ps_err verify_whole(struct ps_bytes octets)
{
    struct backup_summary summary;

    return verify(octets, octets.len + 1, &(struct backup_trust){.log_key = {NULL, 0}}, &summary);
}

static void it_verifies_in_pieces_of_any_size(void **state)
{
    static const size_t pieces[] = {1, 7, 4096, 1024 * 1024};
    PS_BUF_AUTO genesis = {.max = PS_SHA256_LEN};
    struct backup_trust trust = {.log_key = {NULL, 0}};

    (void)state;
    assert_ok(ps_hex_decode(ps_bytes_str(GENESIS), &genesis));
    trust.genesis = ps_buf_bytes(&genesis);
    for (size_t i = 0; i < PS_COUNT_OF(pieces); i++) {
        struct backup_summary summary;

        assert_ok(verify(ps_buf_bytes(&backup), pieces[i], &trust, &summary));
        assert_string_equal(summary.genesis, GENESIS);
        assert_string_equal(summary.origin, "privyseal-dev.example/practice");
        assert_int_equal(summary.octets, backup.len);
        assert_int_equal(summary.rows, 0);
        assert_true(summary.leaves > 1);
        assert_true(summary.key_from_genesis);
    }
}

static void another_genesis_or_log_key_is_denied(void **state)
{
    static const uint8_t other[PS_SHA256_LEN] = {1};
    struct backup_trust trust = {.genesis = ps_bytes(other, sizeof other)};
    struct backup_summary summary;

    (void)state;
    assert_int_equal(verify(ps_buf_bytes(&backup), 4096, &trust, &summary), PS_E_DENIED);
    trust = (struct backup_trust){.log_key = ps_bytes_str("no key")};
    assert_int_equal(verify(ps_buf_bytes(&backup), 4096, &trust, &summary), PS_E_INPUT);
}

/* One bit in every so many octets, another one each time: every record is met. */
static void a_flipped_bit_is_found_and_its_place_is_named(void **state)
{
    (void)state;
    for (size_t at = 0; at < backup.len; at += 23) {
        backup.data[at] ^= (uint8_t)(1u << at % 8);
        assert_int_not_equal(verify_whole(ps_buf_bytes(&backup)), PS_OK);
        if (at >= sizeof BACKUP_MAGIC) {
            assert_non_null(strstr(ps_detail()->text, "at octet "));
        }
        backup.data[at] ^= (uint8_t)(1u << at % 8);
    }
    assert_ok(verify_whole(ps_buf_bytes(&backup)));
}

static void what_is_cut_or_goes_on_is_refused(void **state)
{
    PS_BUF_AUTO longer = {.max = READ_FILE_MAX};

    (void)state;
    for (size_t len = 0; len < backup.len; len += 97) {
        assert_int_not_equal(verify_whole(ps_bytes(backup.data, len)), PS_OK);
    }
    assert_int_equal(verify_whole(ps_bytes(backup.data, backup.len - 1)), PS_E_INPUT);
    ps_buf_put(&longer, ps_buf_bytes(&backup));
    ps_buf_put_u8(&longer, 0);
    assert_int_equal(verify_whole(ps_buf_bytes(&longer)), PS_E_INPUT);
}

/* The backup with a record put in behind its header. */
static enum ps_err verify_with(enum backup_kind kind, size_t len)
{
    const size_t magic = sizeof BACKUP_MAGIC - 1;
    struct ps_reader head = ps_reader(ps_bytes_from(ps_buf_bytes(&backup), magic + 1));
    const size_t at = magic + BACKUP_RECORD_HEAD + ps_reader_u32(&head);
    uint8_t record[BACKUP_RECORD_HEAD];
    PS_BUF_AUTO changed = {.max = READ_FILE_MAX};

    backup_put_head(kind, len, record);
    ps_buf_put(&changed, ps_bytes(backup.data, at));
    ps_buf_put(&changed, ps_bytes(record, sizeof record));
    for (size_t i = 0; i < len; i++) {
        ps_buf_put_u8(&changed, 'x');
    }
    ps_buf_put(&changed, ps_bytes_from(ps_buf_bytes(&backup), at));
    assert_ok(ps_buf_status(&changed));
    return verify_whole(ps_buf_bytes(&changed));
}

static void a_row_that_the_log_does_not_name_is_denied(void **state)
{
    (void)state;
    assert_int_equal(verify_with(BACKUP_ROW, 10), PS_E_DENIED);
    assert_non_null(strstr(ps_detail()->text, "rows"));
    assert_int_equal(verify_with(BACKUP_ROW, BACKUP_RECORD_MAX), PS_E_DENIED);
}

static void records_have_kinds_an_order_and_a_limit(void **state)
{
    (void)state;
    assert_int_equal(verify_with(BACKUP_HEADER, 2), PS_E_INPUT);
    assert_int_equal(verify_with(BACKUP_LEAF, 2), PS_E_INPUT);
    assert_int_equal(verify_with(BACKUP_CHECKPOINT, 2), PS_E_INPUT);
    assert_int_equal(verify_with(BACKUP_END, 32), PS_E_INPUT);
    assert_int_equal(verify_with((enum backup_kind)6, 2), PS_E_INPUT);
    assert_int_equal(verify_with(BACKUP_ROW, BACKUP_RECORD_MAX + 1), PS_E_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_verifies_in_pieces_of_any_size),
        cmocka_unit_test(another_genesis_or_log_key_is_denied),
        cmocka_unit_test(a_flipped_bit_is_found_and_its_place_is_named),
        cmocka_unit_test(what_is_cut_or_goes_on_is_refused),
        cmocka_unit_test(a_row_that_the_log_does_not_name_is_denied),
        cmocka_unit_test(records_have_kinds_an_order_and_a_limit),
    };

    return cmocka_run_group_tests(tests, read_backup, forget_backup);
}
