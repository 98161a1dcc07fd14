#include "appliance/cli/body.h"
#include "appliance/cli/commands.h"

#include <stdio.h>

int cli_sign_file(const struct cli_run *run)
{
    PS_BUF_AUTO payload = {0};
    PS_BUF_AUTO body = {0};
    PS_BUF_AUTO answer = {0};
    int code = cli_needs_key(run);

    if (code != CLI_DONE) {
        return code;
    }
    ps_buf_init(&payload, CLI_BODY_MAX / 2);
    ps_buf_init(&body, CLI_BODY_MAX);
    ps_buf_init(&answer, 2 * CLI_BODY_MAX);
    if (cli_read_file(run->argument_count == 0 ? NULL : run->arguments[0], &payload) != PS_OK ||
        cli_begin_body(run, &body) != PS_OK) {
        return CLI_USAGE;
    }
    cli_put_octets("payload", ps_buf_bytes(&payload), &body);
    ps_buf_put_u8(&body, '}');
    if (ps_buf_status(&body) != PS_OK) {
        (void)fprintf(stderr, "privyseal: more than the appliance takes in one request\n");
        return CLI_USAGE;
    }
    code = cli_send(run, run->command->path, ps_buf_bytes(&body), &answer);
    return code == CLI_DONE ? cli_render(run, ps_buf_bytes(&answer)) : code;
}

static void put_jws(struct ps_bytes file, struct ps_buf *body)
{
    cli_put_text("jws", cli_trimmed(file), body);
}

/* Base64url as `cose sign` prints it, or the octets themselves, which begin as no text does. */
static void put_cose(struct ps_bytes file, struct ps_buf *body)
{
    if (file.len != 0 && file.data[0] < 0x80) {
        cli_put_text("cose", cli_trimmed(file), body);
        return;
    }
    cli_put_octets("cose", file, body);
}

static int verify_file(const struct cli_run *run,
                       void (*put)(struct ps_bytes file, struct ps_buf *body))
{
    const char *detached = cli_value(run, "payload");
    PS_BUF_AUTO file = {0};
    PS_BUF_AUTO payload = {0};
    PS_BUF_AUTO body = {0};
    PS_BUF_AUTO answer = {0};
    int code = cli_needs_key(run);

    if (code != CLI_DONE) {
        return code;
    }
    ps_buf_init(&file, CLI_BODY_MAX);
    ps_buf_init(&payload, CLI_BODY_MAX / 2);
    ps_buf_init(&body, 2 * CLI_BODY_MAX);
    ps_buf_init(&answer, 2 * CLI_BODY_MAX);
    if (cli_read_file(run->argument_count == 0 ? NULL : run->arguments[0], &file) != PS_OK ||
        (detached != NULL && cli_read_file(detached, &payload) != PS_OK) ||
        cli_begin_body(run, &body) != PS_OK) {
        return CLI_USAGE;
    }
    put(ps_buf_bytes(&file), &body);
    if (detached != NULL) {
        cli_put_octets("payload", ps_buf_bytes(&payload), &body);
    }
    ps_buf_put_u8(&body, '}');
    code = cli_send(run, run->command->path, ps_buf_bytes(&body), &answer);
    return code == CLI_DONE ? cli_render_verdict(run, ps_buf_bytes(&answer)) : code;
}

int cli_text(const struct cli_run *run)
{
    PS_BUF_AUTO path;
    PS_BUF_AUTO answer;
    int code;

    ps_buf_init(&path, 512);
    ps_buf_init(&answer, CLI_BODY_MAX);
    if (cli_put_path(run, &path) != PS_OK) {
        return CLI_USAGE;
    }
    code = cli_send(run, (const char *)path.data, ps_bytes(NULL, 0), &answer);
    if (code == CLI_DONE) {
        answer.len = cli_trimmed(ps_buf_bytes(&answer)).len;
        ps_buf_put_u8(&answer, '\n');
        code = cli_show(&answer);
    }
    return code;
}

int cli_jws_verify(const struct cli_run *run)
{
    return verify_file(run, put_jws);
}

int cli_cose_verify(const struct cli_run *run)
{
    return verify_file(run, put_cose);
}
