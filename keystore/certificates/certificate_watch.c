#include "keystore/certificates/certificate_watch.h"

#include "keystore/certificates/tls_certificates.h"
#include "keystore/events/events.h"
#include "lib/base/counted.h"

#include <stdio.h>

#define LOOK_NS  (600 * PS_NS_PER_S)
#define PAUSE_NS (61 * PS_NS_PER_S) /* longer than that of equal alarms */
#define DAY_S    UINT64_C(86400)

/* Days before the end, in the order in which they are told; the last one: it has ended. */
static const uint64_t steps[] = {30, 14, 7, 1, 0};

unsigned certificate_watch_steps(uint64_t not_after_s, uint64_t now_s)
{
    unsigned count = 0;

    while (count < PS_COUNT_OF(steps) && not_after_s <= now_s + steps[count] * DAY_S) {
        count++;
    }
    return count;
}

/* Whether one of them is due that was not told yet; it counts as told then. */
static bool take_step(uint64_t not_after_s, uint64_t now_s, uint8_t *told_steps)
{
    const unsigned reached = certificate_watch_steps(not_after_s, now_s);

    if (reached <= *told_steps) {
        return false;
    }
    *told_steps = (uint8_t)reached;
    return true;
}

static void tell(struct keeper *keeper, const struct key *key, const char *detail)
{
    events_alarm(keeper, "certificate", ps_bytes_str(key->name), detail);
}

/* The one that signs, also when its certificate has ended. */
static struct key_version *in_use(const struct key *key)
{
    for (size_t i = key->version_count; i > 0; i--) {
        if (key->versions[i - 1]->state == KEY_ACTIVE) {
            return key->versions[i - 1];
        }
    }
    return NULL;
}

static bool tell_end(struct keeper *keeper, const struct key *key, uint64_t now_s)
{
    const struct key_version *version = key->state == KEY_ACTIVE ? in_use(key) : NULL;
    struct key_certificate *certificate = version == NULL ? NULL : version->certificate;
    char detail[192];

    if (certificate == NULL ||
        !take_step(certificate->not_after_s, now_s, &certificate->told_steps)) {
        return false;
    }
    if (certificate->told_steps == PS_COUNT_OF(steps)) {
        (void)snprintf(detail, sizeof detail, "the certificate of version %u has ended; %s",
                       version->number,
                       key->rotation.stops ? "the key is not used any more"
                                           : "the key goes on without a good one");
    } else {
        (void)snprintf(detail, sizeof detail,
                       "the certificate of version %u ends within %s: renew it", version->number,
                       ps_counted(steps[certificate->told_steps - 1], "day", "days").text);
    }
    tell(keeper, key, detail);
    return true;
}

static bool tell_missing(struct keeper *keeper, const struct key *key, uint64_t now_s)
{
    struct key_version *successor = key_successor(key);
    char detail[192];

    if (successor == NULL || key->state != KEY_ACTIVE || successor->activates_s > now_s ||
        successor->is_told || !version_lacks_certificate(successor, now_s)) {
        return false;
    }
    successor->is_told = true;
    (void)snprintf(detail, sizeof detail,
                   "version %u is due and has no certificate: it waits, and the one before goes on",
                   successor->number);
    tell(keeper, key, detail);
    return true;
}

/* One that a client has not come with for a day is no matter of ours: it may have another now. */
static bool tls_is_in_use(const struct tls_certificate *certificate, uint64_t now_s)
{
    return certificate->not_after_s != 0 &&
           (!certificate->is_client || now_s <= certificate->seen_s + DAY_S);
}

static bool tell_tls_end(struct keeper *keeper, struct tls_certificate *certificate, uint64_t now_s)
{
    const char *whose =
        certificate->is_client ? "that the client comes with" : "that the listener shows";
    char detail[192];

    if (!tls_is_in_use(certificate, now_s) ||
        !take_step(certificate->not_after_s, now_s, &certificate->told_steps)) {
        return false;
    }
    if (certificate->told_steps == PS_COUNT_OF(steps)) {
        (void)snprintf(detail, sizeof detail, "the certificate %s has ended", whose);
    } else {
        (void)snprintf(detail, sizeof detail, "the certificate %s ends within %s: renew it", whose,
                       ps_counted(steps[certificate->told_steps - 1], "day", "days").text);
    }
    events_alarm(keeper, "tls-certificate", ps_bytes_str(certificate->name), detail);
    return true;
}

static bool tell_one_of_keys(struct keeper *keeper, uint64_t now_s)
{
    size_t cursor = 0;
    struct key *key;

    while ((key = keys_next(keeper->keys, &cursor)) != NULL) {
        if (tell_end(keeper, key, now_s) || tell_missing(keeper, key, now_s)) {
            return true;
        }
    }
    return false;
}

static bool tell_one_of_tls(struct keeper *keeper, uint64_t now_s)
{
    struct tls_certificate *certificate;
    size_t cursor = 0;

    while ((certificate = tls_certificates_next(keeper->tls_certificates, &cursor)) != NULL) {
        if (tell_tls_end(keeper, certificate, now_s)) {
            return true;
        }
    }
    return false;
}

typedef bool tell_one_fn(struct keeper *keeper, uint64_t now_s);

static void look(struct certificates_told *told, struct keeper *keeper, uint64_t epoch,
                 tell_one_fn *tell_one)
{
    const uint64_t mono_ns = ps_clock_mono_ns();

    if ((told->looked_ns != 0 && mono_ns - told->looked_ns < LOOK_NS && told->epoch == epoch) ||
        (told->told_ns != 0 && mono_ns - told->told_ns < PAUSE_NS)) {
        return;
    }
    if (tell_one(keeper, real_now_s())) {
        told->told_ns = mono_ns;
        told->looked_ns = 0;
        return;
    }
    told->looked_ns = mono_ns;
    told->epoch = epoch;
}

void certificate_watch_look(struct certificate_watch *watch, struct keeper *keeper)
{
    look(&watch->of_keys, keeper, keeper->versions_epoch, tell_one_of_keys);
    look(&watch->of_tls, keeper, tls_certificates_epoch(keeper->tls_certificates), tell_one_of_tls);
}
