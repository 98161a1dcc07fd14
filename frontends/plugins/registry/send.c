#include "frontends/plugins/registry/registry.h"

#include "frontends/plugins/registry/attempts.h"
#include "frontends/plugins/registry/mark.h"
#include "lib/base/clock.h"

static struct ps_bytes bytes_of(struct privyseal_auth_text text)
{
    return ps_bytes(text.data, text.len);
}

/* A one-time password for somebody, and where it goes. */
struct sending {
    struct registry *registry;
    const struct privyseal_auth_request *request;
    struct person person; /* without an id: nobody of that name */
    char otp[OTP_DIGITS + 1];
};

static bool wants(const struct sending *sending, const char *channel)
{
    const struct privyseal_auth_list *channels = &sending->request->channels;

    for (size_t i = 0; i < channels->count; i++) {
        if (ps_bytes_equal_str(bytes_of(channels->items[i]), channel)) {
            return strstr(delivery_channels(sending->registry->config), channel) != NULL;
        }
    }
    return false;
}

/* Whoever is not there counts as somebody of the name that was given. */
static enum ps_err prepare_locked(struct sending *sending)
{
    struct registry *registry = sending->registry;
    const struct attempt_limit limit = {.kind = ATTEMPT_OTP,
                                        .window_s = registry->config->registry.window_s,
                                        .per_source = registry->config->otp.per_source,
                                        .per_person = registry->config->otp.per_person};
    const enum ps_err err =
        persons_find(registry->db, bytes_of(sending->request->individual), &sending->person);
    const bool there = err == PS_OK;
    PS_BUF_AUTO login = {.max = 6 * 4 * PRIVYSEAL_AUTH_ID_MAX};
    struct otp_place place;

    if (err != PS_OK && err != PS_E_NOT_FOUND) {
        return err;
    }
    PS_TRY(registry_otp_place(registry, sending->request, ps_buf_bytes(&sending->person.id), &login,
                              &place));
    PS_TRY(attempts_take(registry->db, &limit,
                         there ? place.person : bytes_of(sending->request->individual),
                         bytes_of(sending->request->source), place.now_s));
    return there ? otp_make(registry->db, &place, registry->config->otp.life_s, sending->otp)
                 : PS_OK;
}

static enum ps_err prepare(struct sending *sending)
{
    enum ps_err err;

    (void)pthread_mutex_lock(&sending->registry->mutex);
    err = prepare_locked(sending);
    (void)pthread_mutex_unlock(&sending->registry->mutex);
    return err;
}

static enum ps_err deliver(const struct sending *sending, struct ps_bytes address, bool email)
{
    const struct delivery_item item = {.person = ps_buf_bytes(&sending->person.id),
                                       .address = address,
                                       .email = email,
                                       .otp = sending->otp,
                                       .life_s = sending->registry->config->otp.life_s,
                                       .timeout_ms = sending->request->timeout_ms};

    return delivery_send(&sending->registry->delivery, &item);
}

/* Its first letter and that of the domain; the rest by length not even. */
static void mask_email(uint8_t local, uint8_t domain, struct ps_buf *out)
{
    ps_buf_printf(out, "%c***@%c***", local, domain);
}

static void mask_mobile(const uint8_t digits[3], struct ps_buf *out)
{
    ps_buf_printf(out, "*******%.3s", (const char *)digits);
}

static enum ps_err send_email(struct sending *sending, struct json *json, struct ps_buf *ret_mask)
{
    const struct ps_bytes address =
        person_claim(json, ps_buf_bytes(&sending->person.claims), "email");
    const uint8_t *at = address.len == 0 ? NULL : memchr(address.data, '@', address.len);

    if (at == NULL) {
        return PS_OK;
    }
    PS_TRY(deliver(sending, address, true));
    mask_email(address.data[0], at[1], ret_mask);
    return ps_buf_status(ret_mask);
}

static enum ps_err send_mobile(struct sending *sending, struct json *json, struct ps_buf *ret_mask)
{
    const struct ps_bytes address =
        person_claim(json, ps_buf_bytes(&sending->person.claims), "phone_number");

    if (address.len < 4) {
        return PS_OK;
    }
    PS_TRY(deliver(sending, address, false));
    mask_mobile(address.data + address.len - 3, ret_mask);
    return ps_buf_status(ret_mask);
}

/* For who is not there: always the same for one name, and like those of others. */
static enum ps_err pretend(const struct sending *sending, struct registry_said *said)
{
    const struct ps_bytes parts[] = {ps_bytes_str("nobody"),
                                     bytes_of(sending->request->individual)};
    uint8_t mark[MARK_LEN];
    uint8_t digits[3];

    mark_make(sending->registry->secret, parts, PS_COUNT_OF(parts), mark);
    for (size_t i = 0; i < sizeof digits; i++) {
        digits[i] = (uint8_t)('0' + mark[i] % 10);
    }
    if (wants(sending, "email")) {
        mask_email((uint8_t)('a' + mark[3] % 26), (uint8_t)('a' + mark[4] % 26), &said->one);
    }
    if (wants(sending, "phone")) {
        mask_mobile(digits, &said->two);
    }
    PS_TRY(ps_buf_status(&said->one));
    return ps_buf_status(&said->two);
}

static enum ps_err send_all(struct sending *sending, struct registry_said *said)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;

    PS_TRY(json_new(&json));
    PS_TRY(prepare(sending));
    if (sending->person.id.len == 0) {
        PS_TRY(pretend(sending, said));
    }
    if (sending->person.id.len != 0 && wants(sending, "email")) {
        PS_TRY(send_email(sending, json, &said->one));
    }
    if (sending->person.id.len != 0 && wants(sending, "phone")) {
        PS_TRY(send_mobile(sending, json, &said->two));
    }
    return said->one.len + said->two.len != 0
               ? PS_OK
               : ps_fail(PS_E_NOT_FOUND, 0, "no address for the channels that were asked for");
}

void registry_send_otp(struct registry *registry, const struct privyseal_auth_request *request,
                       struct registry_said *said, struct privyseal_auth_answer *ret_answer)
{
    struct sending sending = {.registry = registry, .request = request};
    enum ps_err err;

    person_init(&sending.person);
    err = send_all(&sending, said);
    *ret_answer = registry_failure(err);
    if (err == PS_OK) {
        *ret_answer = (struct privyseal_auth_answer){
            .result = PRIVYSEAL_AUTH_OK,
            .masked_email = {(const char *)said->one.data, said->one.len},
            .masked_mobile = {(const char *)said->two.data, said->two.len}};
    }
    ps_wipe(sending.otp, sizeof sending.otp);
    person_clear(&sending.person);
}
