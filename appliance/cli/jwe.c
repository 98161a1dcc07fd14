#include "appliance/cli/body.h"
#include "appliance/cli/commands.h"
#include "lib/base/encode.h"
#include "lib/formats/pem.h"

#include <stdio.h>

static int put_certificate(const char *path, struct ps_buf *body)
{
    PS_BUF_AUTO file = {.max = CLI_BODY_MAX};
    PS_BUF_AUTO der = {.max = CLI_BODY_MAX};
    PS_BUF_AUTO base64 = {.max = CLI_BODY_MAX};
    PS_BUF_AUTO next = {.max = CLI_BODY_MAX};
    struct ps_bytes text;

    if (cli_read_file(path, &file) != PS_OK) {
        return CLI_USAGE;
    }
    text = ps_buf_bytes(&file);
    if (pem_take(&text, PEM_CERTIFICATE, &der) != PS_OK ||
        pem_take(&text, PEM_CERTIFICATE, &next) != PS_E_NOT_FOUND) {
        (void)fprintf(stderr, "privyseal: %s is not one certificate in PEM\n", path);
        return CLI_USAGE;
    }
    ps_buf_put_base64(&base64, ps_buf_bytes(&der));
    cli_put_text("certificate", ps_buf_bytes(&base64), body);
    return CLI_DONE;
}

/* From the options and the file; `put` adds what the file says. */
static int make_body(const struct cli_run *run,
                     void (*put)(struct ps_bytes file, struct ps_buf *body), struct ps_buf *body)
{
    const char *certificate = cli_value(run, "certificate");
    PS_BUF_AUTO file = PS_BUF_SECRET(CLI_BODY_MAX);

    if (cli_read_file(run->argument_count == 0 ? NULL : run->arguments[0], &file) != PS_OK ||
        cli_begin_body(run, body) != PS_OK) {
        return CLI_USAGE;
    }
    if (certificate != NULL && put_certificate(certificate, body) != CLI_DONE) {
        return CLI_USAGE;
    }
    put(ps_buf_bytes(&file), body);
    ps_buf_put_u8(body, '}');
    if (ps_buf_status(body) != PS_OK) {
        (void)fprintf(stderr, "privyseal: more than the appliance takes in one request\n");
        return CLI_USAGE;
    }
    return CLI_DONE;
}

static void put_plaintext(struct ps_bytes file, struct ps_buf *body)
{
    cli_put_octets("plaintext", file, body);
}

static void put_jwe(struct ps_bytes file, struct ps_buf *body)
{
    cli_put_text("jwe", cli_trimmed(file), body);
}

static int needs_recipient(const struct cli_run *run)
{
    static const char *const names[] = {"for", "jwk", "certificate"};
    unsigned given = 0;

    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        given += cli_value(run, names[i]) != NULL ? 1 : 0;
    }
    if (given == 1) {
        return CLI_DONE;
    }
    (void)fprintf(stderr,
                  "privyseal: one of --for, --jwk and --certificate says to whom it goes\n");
    return CLI_USAGE;
}

int cli_jwe_encrypt(const struct cli_run *run)
{
    PS_BUF_AUTO body = PS_BUF_SECRET(CLI_BODY_MAX);
    PS_BUF_AUTO answer = {.max = 2 * CLI_BODY_MAX};
    int code = needs_recipient(run);

    if (code == CLI_DONE) {
        code = make_body(run, put_plaintext, &body);
    }
    if (code == CLI_DONE) {
        code = cli_send(run, run->command->path, ps_buf_bytes(&body), &answer);
    }
    return code == CLI_DONE ? cli_render(run, ps_buf_bytes(&answer)) : code;
}

int cli_jwe_decrypt(const struct cli_run *run)
{
    PS_BUF_AUTO body = PS_BUF_SECRET(CLI_BODY_MAX);
    PS_BUF_AUTO answer = PS_BUF_SECRET(2 * CLI_BODY_MAX);
    int code = cli_needs_key(run);

    if (code == CLI_DONE) {
        code = make_body(run, put_jwe, &body);
    }
    if (code == CLI_DONE) {
        code = cli_send(run, run->command->path, ps_buf_bytes(&body), &answer);
    }
    return code == CLI_DONE ? cli_print_plaintext(run, ps_buf_bytes(&answer)) : code;
}
