#include "appliance/officer/share.h"

#include "appliance/officer/officer.h"
#include "appliance/officer/passphrase.h"
#include "appliance/officer/places.h"
#include "appliance/terminal.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/ceremony/custody/one_time.h"
#include "lib/ceremony/custody/paper.h"
#include "lib/ceremony/custody/passphrase_box.h"
#include "lib/ceremony/custody/share.h"
#include "lib/ceremony/custody/share_cms.h"
#include "lib/formats/json/json.h"
#include "lib/formats/pem.h"
#include "lib/system/file.h"

#include <stdio.h>
#include <unistd.h>

#define MODE_FOR_ALL 0644u
#define UNLOCK_MAX   (256u * 1024u)

#define SECRET_AUTO PS_CLEANUP(ps_buf_wipe) struct ps_buf

/* --- Files --- */

static enum ps_err read_input(const char *path, struct ps_buf *out)
{
    uint8_t room[4096];
    ssize_t got;

    if (strcmp(path, "-") != 0) {
        return file_read(path, PAPER_TEXT_MAX, out);
    }
    *out = (struct ps_buf){.max = PAPER_TEXT_MAX};
    while ((got = read(STDIN_FILENO, room, sizeof room)) > 0) {
        ps_buf_put(out, ps_bytes(room, (size_t)got));
    }
    ps_wipe(room, sizeof room);
    if (got < 0) {
        return ps_fail_errno(PS_E_STORAGE, "standard input");
    }
    return ps_buf_status(out);
}

/* The text of a box as it is printed, and read again. */
static void put_paper(const char *what, const struct box *box, struct ps_bytes octets,
                      struct ps_buf *out)
{
    char time[PS_TIME_MAX];

    (void)ps_time_format(ps_clock_real_ns(), 0, time);
    ps_buf_printf(out,
                  "# Privyseal: %s of %.*s, sealed %s.\n"
                  "# Only its passphrase opens it. Print it (privyseal-officer share print), and\n"
                  "# keep the print in a safe, apart from the passphrase.\n",
                  what, PS_BYTES_FMT(box->officer), time);
    paper_put_lines(octets, out);
}

static enum ps_err write_box(const struct box *box, const char *what, struct ps_bytes content,
                             const struct cli_run *run, const char *path)
{
    PS_CLEANUP(ps_secret_free_cleanup) struct ps_secret *passphrase = NULL;
    PS_BUF_AUTO octets = {.max = BOX_OCTETS_MAX};
    PS_BUF_AUTO text = {.max = PAPER_TEXT_MAX};

    PS_TRY(passphrase_ask_new(run, &passphrase));
    PS_TRY(box_seal(box, ps_secret_bytes(passphrase), content, &octets));
    put_paper(what, box, ps_buf_bytes(&octets), &text);
    PS_TRY(ps_buf_status(&text));
    return file_create(path, ps_buf_bytes(&text), 0600);
}

/* Opens what write_box wrote, of the kind that is wanted. */
static enum ps_err open_box(const char *path, enum box_kind kind, struct ps_bytes text,
                            const struct cli_run *run, struct ps_buf *out)
{
    PS_CLEANUP(ps_secret_free_cleanup) struct ps_secret *passphrase = NULL;
    PS_BUF_AUTO octets = {.max = PAPER_OCTETS_MAX};
    struct box box;

    if (paper_read(text, &octets) != PS_OK || box_read(ps_buf_bytes(&octets), &box) != PS_OK) {
        return officer_name_file(path, ps_detail()->err);
    }
    if (box.kind != kind) {
        return ps_fail(PS_E_INPUT, 0, "%.120s is %s, and no %s", path,
                       box.kind == BOX_KEY ? "a sealing key" : "a share",
                       kind == BOX_KEY ? "sealing key" : "share");
    }
    PS_TRY(passphrase_ask(run, path, &passphrase));
    return box_open(ps_buf_bytes(&octets), ps_secret_bytes(passphrase), out);
}

/* --- share key --- */

static enum ps_err write_certificate(struct ps_bytes der, const char *path)
{
    PS_BUF_AUTO pem = {.max = 3 * CMS_RECIPIENT_MAX};

    pem_put(PEM_CERTIFICATE, der, &pem);
    PS_TRY(ps_buf_status(&pem));
    return file_create(path, ps_buf_bytes(&pem), MODE_FOR_ALL);
}

static enum ps_err make_key(const struct cli_run *run, const char *name, const char *path)
{
    const struct box box = {.kind = BOX_KEY, .log_n = BOX_LOG_N, .officer = ps_bytes_str(name)};
    PS_CLEANUP(ps_secret_free_cleanup) struct ps_secret *key = NULL;
    PS_BUF_AUTO der = {.max = CMS_RECIPIENT_MAX};
    PS_BUF_AUTO text = {.max = 8192};
    char certificate[PLACE_MAX];
    enum ps_err err;

    if ((size_t)snprintf(certificate, sizeof certificate, "%s.pem", path) >= sizeof certificate) {
        return ps_fail(PS_E_INPUT, 0, "the file's name is too long");
    }
    PS_TRY(officer_key_make(ps_bytes_str(name), ps_clock_real_ns() / PS_NS_PER_S, &key, &der));
    PS_TRY(write_certificate(ps_buf_bytes(&der), certificate));
    err = write_box(&box, "sealing key", ps_secret_bytes(key), run, path);
    if (err != PS_OK) {
        (void)remove(certificate);
        return err;
    }
    ps_buf_put_str(&text, "Written: ");
    terminal_put_line(path, &text);
    ps_buf_put_str(&text, " (yours; its passphrase opens it)\nWritten: ");
    terminal_put_line(certificate, &text);
    ps_buf_put_str(&text, " (for the ceremony: shares are sealed to it)\n");
    PS_TRY(ps_buf_status(&text));
    return terminal_print(ps_buf_bytes(&text));
}

static int usage(const struct cli_run *run, const char *what)
{
    (void)fprintf(stderr, "%s: %s %s\n", cli_program.name, run->command->words, what);
    return CLI_USAGE;
}

int officer_share_key(const struct cli_run *run)
{
    const char *path = cli_value(run, "out");
    enum ps_err err;

    if (path == NULL) {
        return usage(run, "NAME --out FILE: where does the key go?");
    }
    err = make_key(run, run->arguments[0], path);
    return err == PS_OK ? CLI_DONE : officer_failed(err);
}

/* --- share print --- */

static enum ps_err print_paper(const char *path)
{
    PS_BUF_AUTO text = {0};
    PS_BUF_AUTO octets = {.max = PAPER_OCTETS_MAX};
    PS_BUF_AUTO code = {.max = 2 * PAPER_OCTETS_MAX};
    PS_BUF_AUTO page = {.max = 256 * 1024};

    PS_TRY(file_read(path, PAPER_TEXT_MAX, &text));
    if (paper_read(ps_buf_bytes(&text), &octets) != PS_OK) {
        return officer_name_file(path, ps_detail()->err);
    }
    ps_buf_put(&page, ps_buf_bytes(&text));
    paper_put_code(ps_buf_bytes(&octets), &code);
    PS_TRY(ps_buf_status(&code));
    PS_TRY(paper_put_qr(ps_buf_bytes(&code), &page));
    PS_TRY(ps_buf_status(&page));
    return terminal_print(ps_buf_bytes(&page));
}

int officer_share_print(const struct cli_run *run)
{
    const enum ps_err err = print_paper(run->arguments[0]);

    return err == PS_OK ? CLI_DONE : officer_failed(err);
}

/* --- A share, in whatever it comes --- */

static bool is_cms(struct ps_bytes octets)
{
    return octets.len != 0 && (octets.data[0] == 0x30 || octets.data[0] == '-');
}

static enum ps_err open_cms(const struct cli_run *run, struct ps_bytes sealed, struct ps_buf *out)
{
    const char *path = cli_value(run, "key");
    PS_BUF_AUTO text = {0};
    SECRET_AUTO key = {.max = BOX_CONTENT_MAX};

    if (path == NULL) {
        return ps_fail(PS_E_INPUT, 0,
                       "it is sealed to an officer: open it with --key FILE, or with a smart card "
                       "by `openssl cms -decrypt` and give what comes out here");
    }
    PS_TRY(file_read(path, PAPER_TEXT_MAX, &text));
    PS_TRY(open_box(path, BOX_KEY, ps_buf_bytes(&text), run, &key));
    return cms_open(sealed, ps_buf_bytes(&key), out);
}

/* Opened already (by a smart card), sealed to a key, or kept under a passphrase. */
static enum ps_err take_share(const struct cli_run *run, struct ps_buf *octets,
                              struct share *ret_share)
{
    const char *path = run->arguments[0];
    SECRET_AUTO input = {0};
    enum ps_err err;

    PS_TRY(read_input(path, &input));
    if (share_read(ps_buf_bytes(&input), ret_share) == PS_OK) {
        ps_buf_put(octets, ps_buf_bytes(&input));
    } else if (is_cms(ps_buf_bytes(&input))) {
        PS_TRY(open_cms(run, ps_buf_bytes(&input), octets));
    } else {
        PS_TRY(open_box(path, BOX_SHARE, ps_buf_bytes(&input), run, octets));
    }
    PS_TRY(ps_buf_status(octets));
    err = share_read(ps_buf_bytes(octets), ret_share);
    return err == PS_OK ? PS_OK : officer_name_file(path, err);
}

static void describe(const struct share *share, struct ps_bytes octets, struct ps_buf *out)
{
    uint8_t commitment[PS_SHA256_LEN];

    share_commit(octets, commitment);
    ps_buf_printf(out, "Share %u of %u of the %s PIN of the token %.*s, for %.*s.\n", share->number,
                  share->count, share->pin == SHARE_PIN_SO ? "SO" : "user",
                  PS_BYTES_FMT(share->token), PS_BYTES_FMT(share->officer));
    ps_buf_printf(out, "%u of them put it together.\nSet         ", share->threshold);
    ps_buf_put_hex(out, ps_bytes(share->set, SHARE_SET_LEN));
    ps_buf_put_str(out, "\nCommitment  ");
    ps_buf_put_hex(out, ps_bytes(commitment, sizeof commitment));
    ps_buf_put_u8(out, '\n');
}

static enum ps_err print_share(const struct share *share, struct ps_bytes octets)
{
    PS_BUF_AUTO text = {.max = 4096};

    describe(share, octets, &text);
    PS_TRY(ps_buf_status(&text));
    return terminal_print(ps_buf_bytes(&text));
}

static enum ps_err open_share(const struct cli_run *run)
{
    const char *keep = cli_value(run, "keep");
    SECRET_AUTO octets = {.max = SHARE_OCTETS_MAX};
    struct share share;

    PS_TRY(take_share(run, &octets, &share));
    PS_TRY(print_share(&share, ps_buf_bytes(&octets)));
    if (keep != NULL) {
        const struct box box = {.kind = BOX_SHARE, .log_n = BOX_LOG_N, .officer = share.officer};

        return write_box(&box, "share", ps_buf_bytes(&octets), run, keep);
    }
    return PS_OK;
}

int officer_share_open(const struct cli_run *run)
{
    const enum ps_err err = open_share(run);

    return err == PS_OK ? CLI_DONE : officer_failed(err);
}

/* --- share seal --- */

/* The answer of GET /v1/unlock, or the JWK alone. */
static enum ps_err read_one_time(const char *path, struct public_key **ret_key)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    PS_BUF_AUTO text = {0};
    struct json_value root;
    struct json_value jwk;
    enum ps_err err;

    PS_TRY(file_read(path, UNLOCK_MAX, &text));
    PS_TRY(json_new(&parser));
    err = json_parse(parser, ps_buf_bytes(&text), &JSON_LIMITS_REQUEST, &root);
    if (err == PS_OK && json_type(root) == JSON_OBJECT) {
        err = public_key_from_jwk_value(json_member(root, "key", &jwk) ? jwk : root, ret_key);
    }
    return err == PS_OK && *ret_key != NULL ? PS_OK : officer_name_file(path, PS_E_INPUT);
}

/* Who only was told of a key seals to whoever told: the words are what the console shows. */
static enum ps_err compare_words(const struct cli_run *run, const struct public_key *key)
{
    const char *given = cli_value(run, "words");
    PS_BUF_AUTO typed = {.max = 512};

    if (given == NULL) {
        PS_TRY(terminal_read_line("The eight words that the appliance's console shows: ", true,
                                  &typed));
    } else {
        ps_buf_put_str(&typed, given);
    }
    PS_TRY(ps_buf_status(&typed));
    return one_time_words_are(key, ps_buf_bytes(&typed))
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0,
                         "these are not the words of the key in that file, so nothing was sealed: "
                         "fetch it anew; if they differ again, somebody stands between");
}

static enum ps_err seal_share(const struct cli_run *run, const char *to, const char *path)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
    PS_BUF_AUTO sealed = {.max = ONE_TIME_SEALED_MAX};
    SECRET_AUTO octets = {.max = SHARE_OCTETS_MAX};
    struct share share;

    PS_TRY(read_one_time(to, &key));
    PS_TRY(compare_words(run, key));
    PS_TRY(take_share(run, &octets, &share));
    PS_TRY(print_share(&share, ps_buf_bytes(&octets)));
    PS_TRY(one_time_seal(key, ps_buf_bytes(&octets), &sealed));
    return file_create(path, ps_buf_bytes(&sealed), MODE_FOR_ALL);
}

int officer_share_seal(const struct cli_run *run)
{
    const char *to = cli_value(run, "to");
    const char *path = cli_value(run, "out");
    enum ps_err err;

    if (to == NULL || path == NULL) {
        return usage(run, "SHARE --to UNLOCK --out FILE: to which key, and where does it go?");
    }
    err = seal_share(run, to, path);
    return err == PS_OK ? CLI_DONE : officer_failed(err);
}
