#include "appliance/dev/gate.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/ceremony/custody/paper.h"
#include "lib/ceremony/custody/passphrase_box.h"
#include "lib/ceremony/custody/share_cms.h"
#include "lib/formats/pem.h"
#include "lib/system/file.h"

#include <stdio.h>

#define HOLDERS     4u
#define THRESHOLD   3u
#define REQUEST_MAX 32768u

/* The officer's key, under the passphrase that everybody knows here, and its certificate. */
static enum ps_err write_key(const char *path, const char *name, struct ps_bytes key)
{
    const struct box box = {.kind = BOX_KEY, .log_n = BOX_LOG_N_MIN, .officer = ps_bytes_str(name)};
    PS_BUF_AUTO sealed = {.max = BOX_OCTETS_MAX};
    PS_BUF_AUTO text = {.max = PAPER_TEXT_MAX};

    PS_TRY(box_seal(&box, ps_bytes_str(DEV_PASSPHRASE), key, &sealed));
    ps_buf_printf(&text, "# Privyseal: practice sealing key of %s. Passphrase: %s\n", name,
                  DEV_PASSPHRASE);
    paper_put_lines(ps_buf_bytes(&sealed), &text);
    PS_TRY(ps_buf_status(&text));
    return file_write(path, ps_buf_bytes(&text), 0600);
}

static enum ps_err make_holder(const struct dev *dev, unsigned number, struct ps_buf *body)
{
    PS_CLEANUP(ps_secret_free_cleanup) struct ps_secret *key = NULL;
    PS_BUF_AUTO der = {.max = CMS_RECIPIENT_MAX};
    PS_BUF_AUTO pem = {.max = 3 * CMS_RECIPIENT_MAX};
    char file[64];
    char name[32];
    char path[DEV_PATH_MAX];

    (void)snprintf(name, sizeof name, "officer-%u", number);
    (void)snprintf(file, sizeof file, "officers/%s.share", name);
    dev_path(dev, file, path);
    PS_TRY(officer_key_make(ps_bytes_str(name), ps_clock_real_ns() / PS_NS_PER_S, &key, &der));
    PS_TRY(write_key(path, name, ps_secret_bytes(key)));
    pem_put(PEM_CERTIFICATE, ps_buf_bytes(&der), &pem);
    PS_TRY(ps_buf_status(&pem));
    (void)snprintf(file, sizeof file, "officers/%s.share.pem", name);
    dev_path(dev, file, path);
    PS_TRY(file_write(path, ps_buf_bytes(&pem), 0644));
    ps_buf_printf(body, "%s{\"officer\":\"%s\",\"certificate\":\"", number == 1 ? "" : ",", name);
    ps_buf_put_base64url(body, ps_buf_bytes(&der));
    ps_buf_put_str(body, "\"}");
    return ps_buf_status(body);
}

static bool is_split(const struct dev_gate *gate)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {.status = 0};

    return dev_call(gate, "GET", "/v1/pins", NULL, &answer) == PS_OK && answer.status == 200 &&
           strstr(answer.body, "\"holders\"") != NULL;
}

enum ps_err dev_split_pin(const struct dev_gate *gate)
{
    PS_BUF_AUTO body = {.max = REQUEST_MAX};

    if (is_split(gate)) {
        return PS_OK;
    }
    dev_say("  the PIN of the token is split among %u officers; %u of them put it together",
            HOLDERS, THRESHOLD);
    ps_buf_printf(&body,
                  "{\"type\":\"pin.split\",\"subject\":\"%s\",\"params\":{\"threshold\":%u,"
                  "\"holders\":[",
                  DEV_TOKEN, THRESHOLD);
    for (unsigned number = 1; number <= HOLDERS; number++) {
        PS_TRY(make_holder(gate->dev, number, &body));
    }
    ps_buf_put_str(&body, "]}}");
    return dev_change(gate, "POST", "/v1/operations", &body);
}
