#include "appliance/cli/body.h"
#include "appliance/cli/commands.h"

#include <stdio.h>

/* `keys mac`, `keys mac-verify`, `keys encrypt`, `keys decrypt`: NAME, then a file. */

typedef void put_fn(struct ps_bytes file, struct ps_buf *body);

static int use_file(const struct cli_run *run, put_fn *put, struct ps_buf *answer)
{
    PS_BUF_AUTO file = PS_BUF_SECRET(CLI_BODY_MAX);
    PS_BUF_AUTO body = PS_BUF_SECRET(CLI_BODY_MAX);
    PS_BUF_AUTO path = {.max = 512};
    int code = CLI_USAGE;

    if (cli_read_file(run->argument_count < 2 ? NULL : run->arguments[1], &file) == PS_OK &&
        cli_begin_body(run, &body) == PS_OK && cli_put_path(run, &path) == PS_OK) {
        put(ps_buf_bytes(&file), &body);
        ps_buf_put_u8(&body, '}');
        code = CLI_DONE;
    }
    if (code == CLI_DONE && ps_buf_status(&body) != PS_OK) {
        (void)fprintf(stderr, "privyseal: more than the appliance takes in one request\n");
        code = CLI_USAGE;
    }
    if (code == CLI_DONE) {
        code = cli_send(run, (const char *)path.data, ps_buf_bytes(&body), answer);
    }
    return code;
}

static void put_message(struct ps_bytes file, struct ps_buf *body)
{
    cli_put_octets("message", file, body);
}

static void put_plaintext(struct ps_bytes file, struct ps_buf *body)
{
    cli_put_octets("plaintext", file, body);
}

static void put_ciphertext(struct ps_bytes file, struct ps_buf *body)
{
    cli_put_text("ciphertext", cli_trimmed(file), body);
}

static int print(const struct cli_run *run, put_fn *put)
{
    PS_BUF_AUTO answer = {.max = 2 * CLI_BODY_MAX};
    const int code = use_file(run, put, &answer);

    return code == CLI_DONE ? cli_render(run, ps_buf_bytes(&answer)) : code;
}

int cli_key_mac(const struct cli_run *run)
{
    return print(run, put_message);
}

int cli_key_encrypt(const struct cli_run *run)
{
    return print(run, put_plaintext);
}

int cli_key_decrypt(const struct cli_run *run)
{
    PS_BUF_AUTO answer = PS_BUF_SECRET(2 * CLI_BODY_MAX);
    const int code = use_file(run, put_ciphertext, &answer);

    return code == CLI_DONE ? cli_print_plaintext(run, ps_buf_bytes(&answer)) : code;
}

int cli_key_mac_verify(const struct cli_run *run)
{
    PS_BUF_AUTO answer = {.max = 2 * CLI_BODY_MAX};
    int code;

    if (cli_value(run, "mac") == NULL) {
        (void)fprintf(stderr, "privyseal: --mac is what to compare with\n");
        return CLI_USAGE;
    }
    code = use_file(run, put_message, &answer);
    return code == CLI_DONE ? cli_render_verdict(run, ps_buf_bytes(&answer)) : code;
}
