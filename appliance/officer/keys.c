#include "appliance/officer/officer.h"
#include "appliance/terminal.h"
#include "lib/ceremony/people/policy.h"
#include "lib/formats/ssh/ssh_key.h"
#include "lib/system/file.h"

/* Which keys may approve: those of ssh_key.h, and for sk- keys what a policy asks of them. */
static void put_verdict(const struct ssh_key *key, struct ps_buf *out)
{
    struct policy policy;

    if (!ssh_key_is_sk(key)) {
        ps_buf_put_str(out, "accepted; its private key is a file, so protect it with a passphrase");
        return;
    }
    policy_set_defaults(&policy);
    if (ps_bytes_equal_str(ssh_key_application(key), policy.sk_application)) {
        ps_buf_put_str(out, "accepted; its private key is in a hardware key");
        return;
    }
    ps_buf_put_str(out, "accepted only under a policy that names its application ");
    ps_buf_put(out, ssh_key_application(key));
    ps_buf_printf(out, "; the default is %s", policy.sk_application);
}

static enum ps_err print_key(const char *path)
{
    PS_BUF_AUTO line = {0};
    PS_BUF_AUTO text = {.max = 65536};
    PS_CLEANUP(ssh_key_free_cleanup) struct ssh_key *key = NULL;
    enum ps_err err;

    PS_TRY(file_read(path, SSH_KEY_LINE_MAX, &line));
    err = ssh_key_parse_line(ps_buf_bytes(&line), &key);
    if (err != PS_OK) {
        return officer_name_file(path, err);
    }
    terminal_put_line(path, &text);
    ps_buf_printf(&text, "\n  %s\n  %s\n  ", ssh_key_fingerprint(key),
                  ssh_key_type_name(ssh_key_type(key)));
    put_verdict(key, &text);
    ps_buf_put_str(&text, "\n");
    PS_TRY(ps_buf_status(&text));
    return terminal_print(ps_buf_bytes(&text));
}

int officer_keys(const struct cli_run *run)
{
    int code = CLI_DONE;

    for (size_t i = 0; i < run->argument_count; i++) {
        const enum ps_err err = print_key(run->arguments[i]);

        if (err != PS_OK) {
            code = officer_failed(err);
        }
    }
    return code;
}
