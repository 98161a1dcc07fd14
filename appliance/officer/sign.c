#include "appliance/keygen.h"
#include "appliance/officer/consent.h"
#include "appliance/officer/document.h"
#include "appliance/officer/officer.h"
#include "appliance/officer/places.h"
#include "appliance/terminal.h"
#include "lib/base/encode.h"
#include "lib/ceremony/people/approval.h"
#include "lib/formats/ssh/sshsig.h"
#include "lib/system/file.h"

#include <stdio.h>

#define REASON_LEN_MAX 1024u
#define MODE_FOR_ALL   0644u

/* What the three commands that sign differ in. */
struct kind {
    enum approval_kind kind;
    const char *question;
    const char *done;
};

struct signing {
    const struct cli_run *run;
    const struct kind *kind;
    const char *key_path;
    struct ssh_key *key;
    char signature_path[PLACE_MAX];
    char reason_path[PLACE_MAX]; /* where the reason goes, if there is one */
};

static void signing_clear(struct signing *signing)
{
    ssh_key_free(signing->key);
}

/* All that can be found wrong before a person reads, types and touches anything. */
static enum ps_err prepare(struct signing *signing)
{
    const char *reason = cli_value(signing->run, "reason");
    struct place place = {.document = signing->run->arguments[0],
                          .what = approval_kind_name(signing->kind->kind),
                          .name = cli_value(signing->run, "name"),
                          .key = signing->key_path,
                          .ending = "sig"};

    PS_TRY(place_choose(&place, signing->signature_path));
    if (reason != NULL) {
        place.ending = "reason";
        PS_TRY(place_choose(&place, signing->reason_path));
    }
    if (reason != NULL &&
        (strlen(reason) > REASON_LEN_MAX || !ps_utf8_valid(ps_bytes_str(reason)))) {
        return ps_fail(PS_E_INPUT, 0, "a reason is at most %u octets of UTF-8", REASON_LEN_MAX);
    }
    return consent_load_key(signing->key_path, &signing->key);
}

/* What ssh-keygen gave back is looked at as the appliance will look at it. */
static enum ps_err check(const struct signing *signing, const struct document *document,
                         struct ps_bytes armored, struct sshsig_seen *ret_seen)
{
    const struct ps_bytes application = ssh_key_application(signing->key);
    char expected[SSH_KEY_APPLICATION_MAX + 1];
    const struct sshsig_policy policy = {.application = expected, .presence = true};

    (void)snprintf(expected, sizeof expected, "%.*s", PS_BYTES_FMT(application));
    if (sshsig_verify(armored, signing->key, approval_namespace(signing->kind->kind),
                      ps_buf_bytes(&document->octets), &policy, ret_seen) != PS_OK) {
        return officer_name_file("the signature that ssh-keygen made is not good", PS_E_DENIED);
    }
    return PS_OK;
}

static enum ps_err store(const struct signing *signing, struct ps_bytes armored)
{
    const char *reason = cli_value(signing->run, "reason");
    PS_BUF_AUTO line = {.max = REASON_LEN_MAX + 1};
    enum ps_err err;

    if (reason == NULL) {
        return file_create(signing->signature_path, armored, MODE_FOR_ALL);
    }
    ps_buf_put_str(&line, reason);
    ps_buf_put_u8(&line, '\n');
    PS_TRY(ps_buf_status(&line));
    PS_TRY(file_create(signing->reason_path, ps_buf_bytes(&line), MODE_FOR_ALL));
    err = file_create(signing->signature_path, armored, MODE_FOR_ALL);
    if (err != PS_OK) {
        (void)remove(signing->reason_path);
    }
    return err;
}

static enum ps_err report(const struct signing *signing, const struct sshsig_seen *seen)
{
    const bool has_reason = cli_value(signing->run, "reason") != NULL;
    PS_BUF_AUTO text = {.max = (size_t)32 * PLACE_MAX};

    ps_buf_printf(&text, "\n%s with %s.\nWritten: ", signing->kind->done,
                  ssh_key_fingerprint(signing->key));
    terminal_put_line(signing->signature_path, &text);
    if (has_reason) {
        ps_buf_put_str(&text, "\nWritten: ");
        terminal_put_line(signing->reason_path, &text);
        ps_buf_put_str(&text, " (it is not signed)");
    }
    ps_buf_put_u8(&text, '\n');
    if (seen->sk && (seen->flags & SSHSIG_FLAG_VERIFICATION) == 0) {
        ps_buf_put_str(&text,
                       "The hardware key asked for no PIN or finger. The default policy does not "
                       "count that: make a key with `ssh-keygen -O verify-required`.\n");
    }
    PS_TRY(ps_buf_status(&text));
    return terminal_print(ps_buf_bytes(&text));
}

static enum ps_err sign(struct signing *signing)
{
    const char *program = cli_value(signing->run, "ssh-keygen");
    DOCUMENT_AUTO document = {0};
    PS_BUF_AUTO armored = {0};
    struct sshsig_seen seen;

    PS_TRY(prepare(signing));
    PS_TRY(document_load(signing->run->arguments[0], &document));
    PS_TRY(document_print(&document, cli_value(signing->run, "last")));
    PS_TRY(consent_ask(signing->run, signing->kind->question, document.parsed.hash));
    PS_TRY(keygen_sign(program == NULL ? KEYGEN_PROGRAM : program, signing->key_path,
                       approval_namespace(signing->kind->kind), ps_buf_bytes(&document.octets),
                       &armored));
    PS_TRY(check(signing, &document, ps_buf_bytes(&armored), &seen));
    PS_TRY(store(signing, ps_buf_bytes(&armored)));
    return report(signing, &seen);
}

static int run_signing(const struct cli_run *run, const struct kind *kind)
{
    PS_CLEANUP(signing_clear)
    struct signing signing = {.run = run, .kind = kind, .key_path = cli_value(run, "key")};
    enum ps_err err;

    if (signing.key_path == NULL) {
        (void)fprintf(stderr, "%s: with which key? %s FILE --key KEY\n", cli_program.name,
                      run->command->words);
        return CLI_USAGE;
    }
    err = sign(&signing);
    return err == PS_OK ? CLI_DONE : officer_failed(err);
}

int officer_approve(const struct cli_run *run)
{
    static const struct kind kind = {APPROVAL_APPROVE,
                                     "\nType Yes to approve exactly this: ", "Approved"};

    return run_signing(run, &kind);
}

int officer_reject(const struct cli_run *run)
{
    static const struct kind kind = {APPROVAL_REJECT,
                                     "\nType Yes to refuse exactly this: ", "Refused"};

    return run_signing(run, &kind);
}

int officer_request(const struct cli_run *run)
{
    static const struct kind kind = {APPROVAL_REQUEST,
                                     "\nType Yes to request exactly this: ", "Requested"};

    return run_signing(run, &kind);
}

int officer_statement(const struct cli_run *run)
{
    static const struct kind kind = {APPROVAL_STATEMENT,
                                     "\nType Yes to state that this is so: ", "Stated"};

    return run_signing(run, &kind);
}
