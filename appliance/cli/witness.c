#include "appliance/cli/commands.h"

#include "appliance/terminal.h"
#include "appliance/witness/witness.h"
#include "lib/base/encode.h"
#include "lib/base/line.h"
#include "lib/formats/tlog/proof_text.h"

#include <stdio.h>

/* A witness of logs, which is somebody else's: nothing here asks an appliance. */

static int fail(enum ps_err err)
{
    terminal_complain("privyseal", "%s", ps_detail()->text);
    if (err == PS_E_NOT_FOUND) {
        (void)fprintf(stderr, "  `privyseal witness new DIR NAME` makes a witness.\n");
    }
    return err == PS_E_DENIED ? CLI_FAILED : ps_err_info(err)->exit_code;
}

static int print_key(const struct cli_run *run, struct ps_bytes key)
{
    PS_BUF_AUTO text = {.max = 4096};

    if (!cli_flag(run, "json")) {
        ps_buf_put(&text, key);
        ps_buf_put_u8(&text, '\n');
        return cli_print(&text);
    }
    ps_buf_put_str(&text, "{\"key\":");
    ps_buf_put_json_string(&text, key);
    ps_buf_put_str(&text, "}\n");
    return cli_print(&text);
}

int cli_witness_new(const struct cli_run *run)
{
    PS_BUF_AUTO key = {.max = 1024};
    const enum ps_err err =
        witness_create(run->arguments[0], ps_bytes_str(run->arguments[1]), &key);

    return err == PS_OK ? print_key(run, ps_buf_bytes(&key)) : fail(err);
}

int cli_witness_watch(const struct cli_run *run)
{
    const char *former = cli_value(run, "instead-of");
    const struct ps_bytes key = ps_bytes_str(run->arguments[1]);
    const enum ps_err err = former == NULL
                                ? witness_add_log(run->arguments[0], key)
                                : witness_replace_log(run->arguments[0], ps_bytes_str(former), key);

    if (err == PS_E_CONFLICT && former == NULL) {
        (void)fail(err);
        (void)fprintf(stderr, "  If it was restored: --instead-of VKEY, the one of before.\n");
        return ps_err_info(err)->exit_code;
    }
    return err == PS_OK ? print_key(run, key) : fail(err);
}

/* The file of a request that came by hand; what it answers goes back the same way. */
int cli_witness_sign(const struct cli_run *run)
{
    PS_CLEANUP(witness_free_cleanup) struct witness *witness = NULL;
    PS_BUF_AUTO request = {.max = WITNESS_REQUEST_MAX + 2 * (size_t)CLI_PIECE};
    PS_BUF_AUTO out = {.max = 2 * WITNESS_REQUEST_MAX};
    struct witness_request parsed;
    enum ps_err err = witness_open(run->arguments[0], &witness);

    if (err != PS_OK) {
        return fail(err);
    }
    if (cli_read_file(run->argument_count < 2 ? NULL : run->arguments[1], &request) != PS_OK) {
        return CLI_USAGE;
    }
    if (witness_request_parse(ps_buf_bytes(&request), &parsed) == PS_OK) {
        ps_buf_put(&out, parsed.checkpoint);
    }
    switch (witness_add_checkpoint(witness, ps_buf_bytes(&request), &out)) {
    case WITNESS_COSIGNED:
        return cli_print(&out);
    case WITNESS_MALFORMED:
        (void)fail(PS_E_INPUT);
        return CLI_USAGE;
    case WITNESS_UNKNOWN:
        (void)fail(PS_E_DENIED);
        (void)fprintf(stderr, "  `privyseal witness watch DIR VKEY` adds a log.\n");
        return CLI_REFUSED;
    case WITNESS_OTHER_SIZE:
        (void)fail(PS_E_DENIED);
        (void)fprintf(stderr, "  Ask the appliance for a request from there: --old says it.\n");
        return CLI_REFUSED;
    case WITNESS_NOT_SIGNED:
    case WITNESS_INCONSISTENT:
        (void)fail(PS_E_DENIED);
        return CLI_REFUSED;
    case WITNESS_FAILED:
        break;
    }
    return fail(PS_E_STORAGE);
}

int cli_log_witness(const struct cli_run *run)
{
    PS_CLEANUP(witness_free_cleanup) struct witness *witness = NULL;
    const char *address = cli_value(run, "listen");
    enum ps_err err = witness_open(run->arguments[0], &witness);

    ps_line_init("witness", PS_INFO);
    if (err == PS_OK) {
        err = witness_serve(witness, address == NULL ? "127.0.0.1:7380" : address);
    }
    return err == PS_OK ? CLI_DONE : fail(err);
}
