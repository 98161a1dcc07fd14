#include "appliance/keygen.h"
#include "appliance/officer/consent.h"
#include "appliance/officer/officer.h"
#include "appliance/officer/transcript.h"
#include "appliance/terminal.h"
#include "lib/ceremony/people/approval.h"
#include "lib/system/file.h"

#include <stdio.h>

/* `privyseal-officer agree`: a person's signature at the end of a transcript. */

static enum ps_err sign(const struct cli_run *run, const struct bundle *bundle, bool agrees,
                        struct ps_buf *armored)
{
    const char *program = cli_value(run, "ssh-keygen");
    PS_CLEANUP(ssh_key_free_cleanup) struct ssh_key *key = NULL;
    PS_BUF_AUTO octets = {.max = 4096};

    PS_TRY(consent_load_key(cli_value(run, "key"), &key));
    PS_TRY(bundle_put_statement(bundle, agrees, ps_bytes_str(cli_value(run, "name")), &octets));
    return keygen_sign(program == NULL ? KEYGEN_PROGRAM : program, cli_value(run, "key"),
                       approval_namespace(APPROVAL_STATEMENT), ps_buf_bytes(&octets), armored);
}

/* What comes back has to be good for everybody who will read it. */
static enum ps_err keep(const struct cli_run *run, struct ps_bytes octets)
{
    PS_CLEANUP(bundle_free_cleanup) struct bundle *bundle = NULL;
    PS_BUF_AUTO lines = {.max = TRANSCRIPT_LINES_OCTETS};
    bool is_good = false;

    PS_TRY(bundle_parse(octets, &bundle));
    PS_TRY(transcript_judge(run, bundle, &lines, &is_good));
    if (!is_good && !cli_flag(run, "disagree")) {
        PS_TRY(terminal_print(ps_buf_bytes(&lines)));
        return ps_fail(PS_E_DENIED, 0,
                       "with this signature the transcript does not verify, so it was not kept: is "
                       "it the key that the roster has of %s?",
                       cli_value(run, "name"));
    }
    return file_create(cli_value(run, "out"), octets, 0644);
}

static enum ps_err agree(const struct cli_run *run)
{
    const bool agrees = !cli_flag(run, "disagree");
    PS_CLEANUP(bundle_free_cleanup) struct bundle *bundle = NULL;
    PS_BUF_AUTO octets = {.max = BUNDLE_OCTETS_MAX};
    PS_BUF_AUTO lines = {.max = TRANSCRIPT_LINES_OCTETS};
    PS_BUF_AUTO armored = {0};
    PS_BUF_AUTO out = {.max = BUNDLE_OCTETS_MAX};
    struct bundle_statement statement = {.agrees = agrees};
    uint8_t hash[PS_SHA256_LEN];
    bool is_good = false;

    PS_TRY(transcript_load(run->arguments[0], &octets, &bundle));
    PS_TRY(transcript_judge(run, bundle, &lines, &is_good));
    PS_TRY(terminal_print(ps_buf_bytes(&lines)));
    if (!is_good && agrees) {
        return ps_fail(PS_E_DENIED, 0,
                       "nobody agrees with a transcript that does not verify; --disagree says so");
    }
    ps_sha256(ps_buf_bytes(&octets), hash);
    PS_TRY(consent_ask(run,
                       agrees ? "\nType Yes to state that it was as this transcript says: "
                              : "\nType Yes to state that it was NOT as this transcript says: ",
                       hash));
    PS_TRY(sign(run, bundle, agrees, &armored));
    statement.person = ps_bytes_str(cli_value(run, "name"));
    statement.signature = ps_buf_bytes(&armored);
    PS_TRY(bundle_put_with(bundle, &statement, &out));
    return keep(run, ps_buf_bytes(&out));
}

int officer_agree(const struct cli_run *run)
{
    enum ps_err err;

    if (cli_value(run, "key") == NULL || cli_value(run, "name") == NULL ||
        cli_value(run, "out") == NULL) {
        (void)fprintf(stderr, "%s: agree FILE --name PERSON --key KEY --out NEW-FILE\n",
                      cli_program.name);
        return CLI_USAGE;
    }
    err = agree(run);
    if (err != PS_OK) {
        return officer_failed(err);
    }
    (void)printf("Written: %s\n", cli_value(run, "out"));
    return CLI_DONE;
}
