#include "appliance/officer/transcript.h"

#include "appliance/officer/officer.h"
#include "appliance/terminal.h"
#include "lib/base/counted.h"
#include "lib/base/encode.h"
#include "lib/system/file.h"

#include <inttypes.h>

enum ps_err transcript_load(const char *path, struct ps_buf *octets, struct bundle **ret_bundle)
{
    enum ps_err err;

    PS_TRY(file_read(path, BUNDLE_OCTETS_MAX, octets));
    err = bundle_parse(ps_buf_bytes(octets), ret_bundle);
    return err == PS_OK ? PS_OK : officer_name_file(path, err);
}

enum ps_err transcript_read_genesis(const struct cli_run *run, bool *ret_given,
                                    uint8_t ret_hash[PS_SHA256_LEN])
{
    const char *text = cli_value(run, "genesis");
    PS_BUF_AUTO hash = {.max = PS_SHA256_LEN};

    *ret_given = text != NULL;
    if (text == NULL) {
        return PS_OK;
    }
    if (ps_hex_decode(ps_bytes_str(text), &hash) != PS_OK || hash.len != PS_SHA256_LEN) {
        return ps_fail(PS_E_INPUT, 0,
                       "--genesis takes the 64 hexadecimal digits that were noted at the genesis");
    }
    memcpy(ret_hash, hash.data, PS_SHA256_LEN);
    return PS_OK;
}

static void put_row(void *context, const struct log_row *row)
{
    static const char *const verdicts[] = {"PASS", "NOTE", "FAIL"};
    struct ps_buf *lines = context;

    ps_buf_printf(lines, "%s  %-10s ", verdicts[row->verdict], row->check);
    if (row->leaf != LOG_NOWHERE) {
        ps_buf_printf(lines, "leaf %" PRIu64 ": ", row->leaf);
    }
    terminal_put_line(row->text, lines);
    ps_buf_put_u8(lines, '\n');
}

static void put_end(const struct bundle_summary *summary, bool is_good, struct ps_buf *lines)
{
    if (is_good) {
        ps_buf_printf(lines, "The transcript verifies: %s, %s of a log of %" PRIu64 "\n",
                      ps_counted(summary->operations, "operation", "operations").text,
                      ps_counted(summary->leaves, "leaf", "leaves").text, summary->size);
    } else {
        ps_buf_put_str(lines, "The transcript DOES NOT VERIFY\n");
    }
}

enum ps_err transcript_judge(const struct cli_run *run, const struct bundle *bundle,
                             struct ps_buf *lines, bool *ret_is_good)
{
    struct bundle_check check = {.fn = put_row, .context = lines};
    struct bundle_summary summary = {0};
    uint8_t genesis[PS_SHA256_LEN];
    bool is_given;
    enum ps_err err;

    PS_TRY(transcript_read_genesis(run, &is_given, genesis));
    check.genesis = is_given ? genesis : NULL;
    err = bundle_verify(bundle, &check, &summary);
    if (err == PS_E_NO_MEMORY) {
        return err;
    }
    *ret_is_good = err == PS_OK;
    put_end(&summary, *ret_is_good, lines);
    return ps_buf_status(lines);
}

/* What cannot be read is a failed check too, which names the place. */
static enum ps_err verify(const struct cli_run *run, struct ps_buf *lines, bool *ret_is_good)
{
    PS_CLEANUP(bundle_free_cleanup) struct bundle *bundle = NULL;
    PS_BUF_AUTO octets = {.max = BUNDLE_OCTETS_MAX};
    const enum ps_err err = transcript_load(run->arguments[0], &octets, &bundle);

    if (err == PS_OK) {
        return transcript_judge(run, bundle, lines, ret_is_good);
    }
    if (err != PS_E_INPUT && err != PS_E_LIMIT) {
        return err;
    }
    ps_buf_put_str(lines, "FAIL  format     ");
    terminal_put_line(ps_detail()->text, lines);
    ps_buf_put_u8(lines, '\n');
    put_end(&(struct bundle_summary){0}, false, lines);
    return ps_buf_status(lines);
}

int officer_verify_transcript(const struct cli_run *run)
{
    PS_BUF_AUTO lines = {.max = TRANSCRIPT_LINES_OCTETS};
    bool is_good = false;
    enum ps_err err = verify(run, &lines, &is_good);

    err = err == PS_OK ? terminal_print(ps_buf_bytes(&lines)) : err;
    if (err != PS_OK) {
        return officer_failed(err);
    }
    return is_good ? CLI_DONE : CLI_FAILED;
}
