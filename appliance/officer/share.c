#include "appliance/officer/share.h"

#include "appliance/officer/officer.h"
#include "appliance/officer/passphrase.h"
#include "appliance/officer/places.h"
#include "appliance/terminal.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/name.h"
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

/* --- Files --- */

static enum ps_err read_input(const char *path, struct ps_buf *out)
{
    uint8_t room[4096];
    ssize_t got;

    if (strcmp(path, "-") != 0) {
        return file_read_secret(path, PAPER_TEXT_MAX, out);
    }
    *out = PS_BUF_SECRET(PAPER_TEXT_MAX);
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
    PS_BUF_AUTO key = PS_BUF_SECRET(BOX_CONTENT_MAX);

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
    PS_BUF_AUTO input = PS_BUF_SECRET(0);
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
    PS_BUF_AUTO octets = PS_BUF_SECRET(SHARE_OCTETS_MAX);
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

/* A key of the keeper's, and what it says that the key is for; texts are empty where it does not.
 */
struct one_time_for {
    struct public_key *key;
    char token[PS_NAME_MAX + 1];
    char pin[8];
    char operation[PS_NAME_MAX + 1];
    char type[64];
};

static void one_time_for_clear(struct one_time_for *to)
{
    public_key_free(to->key);
    *to = (struct one_time_for){.key = NULL};
}
#define ONE_TIME_FOR_AUTO PS_CLEANUP(one_time_for_clear) struct one_time_for

static void copy_text(struct json_value item, const char *name, char *out, size_t size)
{
    struct json_value value;
    struct ps_bytes text;

    if (json_member(item, name, &value) && json_type(value) == JSON_STRING &&
        json_string(value, &text) == PS_OK) {
        (void)snprintf(out, size, "%.*s", PS_BYTES_FMT(text));
    }
}

/* An item of the answer of GET /v1/unlock, or a JWK alone. Errors: PS_E_INPUT. */
static enum ps_err read_item(struct json_value item, struct one_time_for *to)
{
    struct json_value jwk;

    if (json_type(item) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "no key of an unlock");
    }
    copy_text(item, "token", to->token, sizeof to->token);
    copy_text(item, "pin", to->pin, sizeof to->pin);
    copy_text(item, "operation", to->operation, sizeof to->operation);
    copy_text(item, "type", to->type, sizeof to->type);
    return public_key_from_jwk_value(json_member(item, "key", &jwk) ? jwk : item, &to->key);
}

/* The words say which of the keys it is. Errors: PS_E_INPUT, PS_E_DENIED (of none). */
static enum ps_err find_key(struct json_value root, struct ps_bytes words,
                            struct one_time_for *ret_to)
{
    struct json_value list;
    struct json_value item = root;
    uint32_t cursor = 0;
    const bool is_list = json_type(root) == JSON_OBJECT && json_member(root, "tokens", &list) &&
                         json_type(list) == JSON_ARRAY;

    while (is_list ? json_next(list, &cursor, NULL, &item) : cursor++ == 0) {
        ONE_TIME_FOR_AUTO to = {.key = NULL};

        PS_TRY(read_item(item, &to));
        if (one_time_words_are(to.key, words)) {
            *ret_to = to;
            to.key = NULL;
            return PS_OK;
        }
    }
    return ps_fail(PS_E_DENIED, 0,
                   "these are not the words of a key in that file, so nothing was sealed: "
                   "fetch it anew; if they differ again, somebody stands between you and the "
                   "appliance");
}

/* Who only was told of a key seals to whoever told: the words are what the console shows. */
static enum ps_err read_words(const struct cli_run *run, struct ps_buf *typed)
{
    const char *given = cli_value(run, "words");

    if (given != NULL) {
        ps_buf_put_str(typed, given);
        return ps_buf_status(typed);
    }
    return terminal_read_line("The eight words that the appliance's console shows: ", true, typed);
}

static enum ps_err read_one_time(const struct cli_run *run, const char *path,
                                 struct one_time_for *ret_to)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    PS_BUF_AUTO text = {0};
    PS_BUF_AUTO words = {.max = 512};
    struct json_value root;
    enum ps_err err;

    PS_TRY(file_read(path, UNLOCK_MAX, &text));
    PS_TRY(json_new(&parser));
    err = json_parse(parser, ps_buf_bytes(&text), &JSON_LIMITS_REQUEST, &root);
    if (err != PS_OK) {
        return officer_name_file(path, PS_E_INPUT);
    }
    PS_TRY(read_words(run, &words));
    err = find_key(root, ps_buf_bytes(&words), ret_to);
    return err == PS_E_INPUT ? officer_name_file(path, err) : err;
}

/* The appliance opens a share with the key that is for its PIN, and with no other. */
static enum ps_err check_purpose(const struct one_time_for *to, const struct share *share)
{
    const bool is_of_it = ps_bytes_equal_str(share->token, to->token) &&
                          strcmp(share_pin_name(share->pin), to->pin) == 0;

    return to->token[0] == '\0' || is_of_it
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0,
                         "the key with these words is for the %s PIN of the token %s, and this "
                         "is no share of it: nothing was sealed",
                         to->pin, to->token);
}

static enum ps_err print_purpose(const struct one_time_for *to)
{
    PS_BUF_AUTO text = {.max = 512};

    if (to->operation[0] == '\0') {
        return PS_OK;
    }
    ps_buf_printf(&text, "For the operation %s, %s, and no other.\n", to->operation, to->type);
    PS_TRY(ps_buf_status(&text));
    return terminal_print(ps_buf_bytes(&text));
}

static enum ps_err seal_share(const struct cli_run *run, const char *path_to, const char *path)
{
    ONE_TIME_FOR_AUTO to = {.key = NULL};
    PS_BUF_AUTO sealed = {.max = ONE_TIME_SEALED_MAX};
    PS_BUF_AUTO octets = PS_BUF_SECRET(SHARE_OCTETS_MAX);
    struct share share;

    PS_TRY(read_one_time(run, path_to, &to));
    PS_TRY(take_share(run, &octets, &share));
    PS_TRY(check_purpose(&to, &share));
    PS_TRY(print_share(&share, ps_buf_bytes(&octets)));
    PS_TRY(print_purpose(&to));
    PS_TRY(one_time_seal(to.key, ps_buf_bytes(&octets), &sealed));
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
