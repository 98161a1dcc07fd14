#include "appliance/officer/officer.h"
#include "appliance/terminal.h"
#include "lib/base/encode.h"
#include "lib/ceremony/words/pgp_words.h"
#include "lib/system/file.h"

static enum ps_err print_words(const char *path)
{
    PS_BUF_AUTO text = {.max = 1024};
    uint8_t hash[PS_SHA256_LEN];

    PS_TRY(file_hash(path, hash));
    ps_buf_put_str(&text, "SHA-256  ");
    ps_buf_put_hex(&text, ps_bytes(hash, sizeof hash));
    ps_buf_put_str(&text, "\nWords    ");
    pgp_words_put_hash(hash, &text);
    ps_buf_put_str(&text, "\n");
    PS_TRY(ps_buf_status(&text));
    return terminal_print(ps_buf_bytes(&text));
}

int officer_words(const struct cli_run *run)
{
    const enum ps_err err = print_words(run->arguments[0]);

    return err == PS_OK ? CLI_DONE : officer_failed(err);
}
