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

/* How long nobody is sent a password after the relay was away: that tells nothing of anybody. */
#define RELAY_PAUSE_NS (5 * PS_NS_PER_S)

static bool mails(const struct registry *registry)
{
    return registry->config->smtp.url[0] != '\0';
}

static bool relay_is_away(const struct registry *registry)
{
    return registry->relay_failed_ns != 0 &&
           ps_clock_mono_ns() - registry->relay_failed_ns < RELAY_PAUSE_NS;
}

/*
 * Whoever is not there counts as somebody of the name that was given, and has a password, too,
 * which is told to nobody: it takes as long.
 */
static enum ps_err count_and_make(struct sending *sending)
{
    struct registry *registry = sending->registry;
    const struct attempt_limit limit = {.kind = ATTEMPT_OTP,
                                        .window_s = registry->config->registry.window_s,
                                        .per_source = registry->config->otp.per_source,
                                        .per_person = registry->config->otp.per_person};
    const enum ps_err err =
        persons_find(registry->db, bytes_of(sending->request->individual), &sending->person);
    PS_BUF_AUTO login = {.max = 6 * 4 * PRIVYSEAL_AUTH_ID_MAX};
    struct otp_place place;

    if (err != PS_OK && err != PS_E_NOT_FOUND) {
        return err;
    }
    if (mails(registry) && wants(sending, "email") && relay_is_away(registry)) {
        return ps_fail(PS_E_BUSY, 0, "the mail relay was away a moment ago");
    }
    PS_TRY(registry_otp_place(registry, sending->request, ps_buf_bytes(&sending->person.id), &login,
                              &place));
    PS_TRY(attempts_take(registry->db, &limit,
                         err == PS_OK ? place.person : bytes_of(sending->request->individual),
                         bytes_of(sending->request->source), place.now_s));
    return otp_make(registry->db, &place, registry->config->otp.life_s, sending->otp);
}

static enum ps_err prepare_locked(struct sending *sending)
{
    DB_TRANSACTION_AUTO transaction = {0};

    PS_TRY(db_begin(sending->registry->db, &transaction));
    return registry_commit(&transaction, count_and_make(sending));
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

static enum ps_err send_email(struct sending *sending, struct ps_bytes address,
                              struct registry_said *said)
{
    if (!mails(sending->registry)) {
        return deliver(sending, address, true);
    }
    ps_buf_put(&said->mail, address);
    memcpy(said->otp, sending->otp, sizeof said->otp);
    return ps_buf_status(&said->mail);
}

/* For who is not there, or has no address: always the same for one name, and like those of others.
 */
static void pretend(const struct sending *sending, uint8_t mark[MARK_LEN])
{
    const struct ps_bytes parts[] = {ps_bytes_str("nobody"),
                                     bytes_of(sending->request->individual)};

    mark_make(sending->registry->secret, parts, PS_COUNT_OF(parts), mark);
}

static struct ps_bytes address_of(const struct sending *sending, struct json *json,
                                  const char *claim)
{
    return sending->person.id.len == 0
               ? ps_bytes(NULL, 0)
               : person_claim(json, ps_buf_bytes(&sending->person.claims), claim);
}

static enum ps_err use_email(struct sending *sending, struct json *json, struct registry_said *said)
{
    const struct ps_bytes address = address_of(sending, json, "email");
    const uint8_t *at = address.len == 0 ? NULL : memchr(address.data, '@', address.len);
    uint8_t mark[MARK_LEN];

    pretend(sending, mark);
    if (at == NULL) {
        mask_email((uint8_t)('a' + mark[3] % 26), (uint8_t)('a' + mark[4] % 26), &said->one);
        return ps_buf_status(&said->one);
    }
    PS_TRY(send_email(sending, address, said));
    mask_email(address.data[0], at[1], &said->one);
    return ps_buf_status(&said->one);
}

static enum ps_err use_mobile(struct sending *sending, struct json *json,
                              struct registry_said *said)
{
    const struct ps_bytes address = address_of(sending, json, "phone_number");
    uint8_t mark[MARK_LEN];

    pretend(sending, mark);
    if (address.len < 4) {
        for (size_t i = 0; i < 3; i++) {
            mark[i] = (uint8_t)('0' + mark[i] % 10);
        }
        mask_mobile(mark, &said->two);
        return ps_buf_status(&said->two);
    }
    PS_TRY(deliver(sending, address, false));
    mask_mobile(address.data + address.len - 3, &said->two);
    return ps_buf_status(&said->two);
}

static enum ps_err send_all(struct sending *sending, struct registry_said *said)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;

    PS_TRY(json_new(&json));
    PS_TRY(prepare(sending));
    if (wants(sending, "email")) {
        PS_TRY(use_email(sending, json, said));
    }
    if (wants(sending, "phone")) {
        PS_TRY(use_mobile(sending, json, said));
    }
    return said->one.len + said->two.len != 0
               ? PS_OK
               : ps_fail(PS_E_NOT_FOUND, 0, "there is none of the channels that were asked for");
}

enum ps_err registry_mail(struct registry *registry, const struct privyseal_auth_request *request,
                          const struct registry_said *said)
{
    const struct delivery_item item = {.address = ps_buf_bytes(&said->mail),
                                       .email = true,
                                       .otp = said->otp,
                                       .life_s = registry->config->otp.life_s,
                                       .timeout_ms = request->timeout_ms};
    enum ps_err err;

    if (said->mail.len == 0) {
        return PS_OK;
    }
    err = delivery_send(&registry->delivery, &item);
    (void)pthread_mutex_lock(&registry->mutex);
    registry->relay_failed_ns = err == PS_OK || err == PS_E_DENIED ? 0 : ps_clock_mono_ns();
    (void)pthread_mutex_unlock(&registry->mutex);
    return err;
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
