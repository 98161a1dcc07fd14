#include "keystore/certificates/crls.h"

#include "keystore/certificates/revocations.h"
#include "keystore/signing/signer.h"
#include "keystore/state/check.h"

#include <stdlib.h>

#define LOOK_NS  (60 * PS_NS_PER_S)
#define PAUSE_NS (15 * PS_NS_PER_S) /* longer than a request may take */

_Static_assert(REVOCATIONS_MAX *X509_REVOKED_MAX + 2 * X509_CERTIFICATE_MAX <= CRL_OCTETS_MAX,
               "a list that is full, its issuer's name and its signature fit");

/* The list of one key, and what it was made from. */
struct crl {
    struct crl *next;
    struct key *key;
    struct ps_buf der; /* empty: none yet */
    uint64_t number;
    uint64_t this_update_s;
    uint64_t next_update_s;
    uint64_t epoch;                /* of the revocations in it */
    uint8_t issuer[PS_SHA256_LEN]; /* SHA-256 of the issuer's certificate */
    struct crl *asked;             /* what is being signed: without its DER */
    uint64_t try_ns;               /* not before that */
};

struct crls {
    struct keeper *keeper;
    struct crl *first;
    uint64_t epoch; /* of the revocations when all were looked at */
    uint64_t look_ns;
};

enum ps_err crls_new(struct keeper *keeper, struct crls **ret_crls)
{
    struct crls *crls = calloc(1, sizeof *crls);

    if (crls == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    crls->keeper = keeper;
    *ret_crls = crls;
    return PS_OK;
}

static void crl_free(struct crl *crl)
{
    if (crl != NULL) {
        ps_buf_clear(&crl->der);
        free(crl->asked);
        free(crl);
    }
}

void crls_free(struct crls *crls)
{
    while (crls != NULL && crls->first != NULL) {
        struct crl *crl = crls->first;

        crls->first = crl->next;
        crl_free(crl);
    }
    free(crls);
}

static struct crl *find(const struct crls *crls, const struct key *key)
{
    struct crl *crl = crls->first;

    while (crl != NULL && crl->key != key) {
        crl = crl->next;
    }
    return crl;
}

static struct crl *find_or_make(struct crls *crls, struct key *key)
{
    struct crl *crl = find(crls, key);

    if (crl != NULL) {
        return crl;
    }
    crl = calloc(1, sizeof *crl);
    if (crl != NULL) {
        crl->asked = calloc(1, sizeof *crl->asked);
    }
    if (crl == NULL || crl->asked == NULL) {
        free(crl);
        return NULL;
    }
    crl->key = key;
    ps_buf_init(&crl->der, CRL_OCTETS_MAX);
    crl->next = crls->first;
    crls->first = crl;
    return crl;
}

static bool issues(const struct key *key)
{
    return key->usage == PS_USAGE_CERTIFY && key_has_format(key, PS_FORMAT_X509);
}

/* The version that has signed last, of a key that signs no certificates any more. */
static struct key_version *last_in_use(const struct key *key)
{
    for (size_t i = key->version_count; i > 0; i--) {
        const enum key_state state = key->versions[i - 1]->state;

        if (state == KEY_ACTIVE || state == KEY_DEACTIVATED) {
            return key->versions[i - 1];
        }
    }
    return NULL;
}

/*
 * By which a list is signed now; NULL: by none. A deactivated key goes on, since what it has issued
 * is valid still and can be revoked; a suspended or compromised one signs nothing.
 */
static const struct key_version *signer_of(struct key *key)
{
    const struct key_version *version = NULL;

    if (issues(key) && key->state == KEY_ACTIVE) {
        version = key_active(key, real_now_s());
    } else if (issues(key) && key->state == KEY_DEACTIVATED) {
        version = last_in_use(key);
    }
    return version == NULL || version_certificate(version) == NULL ? NULL : version;
}

static bool is_due(const struct crls *crls, const struct crl *crl,
                   const struct key_certificate *issuer)
{
    return crl->der.len == 0 || real_now_s() >= crl->this_update_s + CRL_PERIOD_S ||
           crl->epoch != revocations_epoch(crls->keeper->revocations) ||
           memcmp(crl->issuer, issuer->leaf_hash, PS_SHA256_LEN) != 0;
}

/* Numbers rise over starts too, since the clock does; a clock that was set back waits. */
static void ask(struct crls *crls, struct crl *crl, const struct key_version *version)
{
    const struct key_certificate *issuer = version_certificate(version);
    const struct revocations *revocations = crls->keeper->revocations;
    const uint64_t now_s = real_now_s();
    struct crl *asked = crl->asked;
    struct x509_crl list = {.issuer = issuer->chain[0]};

    asked->number = now_s > crl->number ? now_s : crl->number + 1;
    asked->this_update_s = now_s;
    asked->next_update_s = now_s + CRL_VALID_S;
    asked->epoch = revocations_epoch(revocations);
    memcpy(asked->issuer, issuer->leaf_hash, PS_SHA256_LEN);
    list.number = asked->number;
    list.this_update_s = asked->this_update_s;
    list.next_update_s = asked->next_update_s;
    list.count = revocations_of(revocations, ps_bytes_str(crl->key->name), &list.revoked);
    crl->try_ns = ps_clock_mono_ns() + PAUSE_NS;
    signer_sign_crl(crls->keeper->signer, version, &list);
}

static void look_at(struct crls *crls, struct key *key)
{
    const struct key_version *version = signer_of(key);
    struct crl *crl = version == NULL ? NULL : find_or_make(crls, key);

    if (crl != NULL && ps_clock_mono_ns() >= crl->try_ns &&
        is_due(crls, crl, version_certificate(version))) {
        ask(crls, crl, version);
    }
}

static bool can_sign(const struct crls *crls)
{
    return crls->keeper->started && check_clock_is_good(crls->keeper->check);
}

void crls_tick(struct crls *crls)
{
    const uint64_t epoch = revocations_epoch(crls->keeper->revocations);
    const uint64_t now_ns = ps_clock_mono_ns();
    size_t cursor = 0;
    struct key *key;

    if (!can_sign(crls) || (epoch == crls->epoch && now_ns < crls->look_ns)) {
        return;
    }
    crls->epoch = epoch;
    crls->look_ns = now_ns + LOOK_NS;
    while ((key = keys_next(crls->keeper->keys, &cursor)) != NULL) {
        look_at(crls, key);
    }
}

void crls_take(struct crls *crls, const struct key *key, struct ps_bytes der)
{
    struct crl *crl = find(crls, key);

    if (crl == NULL) {
        return;
    }
    ps_buf_reset(&crl->der);
    ps_buf_put(&crl->der, der);
    if (ps_buf_status(&crl->der) != PS_OK) {
        ps_buf_reset(&crl->der);
        return;
    }
    crl->number = crl->asked->number;
    crl->this_update_s = crl->asked->this_update_s;
    crl->next_update_s = crl->asked->next_update_s;
    crl->epoch = crl->asked->epoch;
    memcpy(crl->issuer, crl->asked->issuer, PS_SHA256_LEN);
    crl->try_ns = 0;
}

enum ps_err crls_find(struct crls *crls, struct ps_bytes name, struct crl_view *ret_view)
{
    struct key *key = keys_find(crls->keeper->keys, name);
    const struct crl *crl;

    if (key == NULL || !issues(key)) {
        return ps_fail(PS_E_NOT_FOUND, 0, "no issuer has this name");
    }
    if (can_sign(crls)) {
        look_at(crls, key);
    }
    /* The last one holds until its end, whatever became of the key since. */
    crl = find(crls, key);
    if (crl != NULL && crl->der.len != 0 && real_now_s() < crl->next_update_s) {
        *ret_view =
            (struct crl_view){.der = ps_buf_bytes(&crl->der), .next_update_s = crl->next_update_s};
        return PS_OK;
    }
    return signer_of(key) == NULL
               ? ps_fail(PS_E_NOT_FOUND, 0, "the issuer has no certificate now")
               : ps_fail(PS_E_BUSY, 0, "the list is being signed, or waits for its token");
}
