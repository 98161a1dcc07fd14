#include "frontends/oidc/begin.h"

#include "frontends/oidc/login.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/hash.h"

enum ps_err begin_take_pushed(struct service *service, struct ps_bytes client, struct ps_bytes uri,
                              struct transaction *transaction)
{
    const struct ps_bytes urn = ps_bytes_str(PAR_URN);
    const struct store_key key = {STORE_PUSHED, ps_bytes_from(uri, urn.len)};
    PS_BUF_AUTO record = PS_BUF_SECRET(STORE_RECORD_MAX + 1);

    if (!ps_bytes_starts_with(uri, urn)) {
        return ps_fail(PS_E_NOT_FOUND, 0, "no request_uri of ours");
    }
    PS_TRY(store_take(service->store, &key, STORE_OPEN, ps_clock_real_ns() / PS_NS_PER_S, &record));
    PS_TRY(transaction_read(ps_buf_bytes(&record), transaction));
    if (!ps_bytes_equal(transaction_text(transaction, TRANSACTION_CLIENT), client)) {
        transaction_clear(transaction);
        return ps_fail(PS_E_NOT_FOUND, 0, "another client pushed it");
    }
    return PS_OK;
}

enum ps_err begin_keep(const struct exchange *exchange, struct transaction *transaction,
                       const char *handle)
{
    const struct service *service = exchange->service;
    const struct store_key key = {STORE_TRANSACTION, ps_bytes_str(handle)};
    const uint64_t expires_s =
        ps_clock_real_ns() / PS_NS_PER_S + service->config->oidc.transaction_s;
    char source[LOGIN_SOURCE_MAX];
    uint8_t id[10];
    PS_BUF_AUTO owner = {.max = LOGIN_SOURCE_MAX + 8};
    PS_BUF_AUTO record = PS_BUF_SECRET(STORE_RECORD_MAX);

    ps_random(id, sizeof id);
    ps_buf_put_hex(&transaction->of[TRANSACTION_AUTHENTICATOR_ID], ps_bytes(id, sizeof id));
    ps_buf_put_decimal(&transaction->of[TRANSACTION_OPEN_END], expires_s);
    PS_TRY(transaction_write(transaction, &record));
    ps_buf_put_str(&owner, "address ");
    ps_buf_put(&owner, login_source(exchange, source));
    PS_TRY(ps_buf_status(&owner));
    return store_put_of(service->store, &key, ps_buf_bytes(&owner), expires_s,
                        ps_buf_bytes(&record));
}
