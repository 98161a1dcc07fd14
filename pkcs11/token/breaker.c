#include "pkcs11/token/breaker.h"

#include "lib/base/clock.h"

#define REMEMBER_NS (60 * PS_NS_PER_S) /* a second reload for the same key within it is none */
#define ASIDE_NS    PS_NS_PER_S        /* a key that is well again is used again within 2 s */

static struct ps_bytes id_of(const struct breaker_key *key)
{
    return ps_bytes(key->id, key->id_len);
}

static struct breaker_key key_of(struct ps_bytes id, uint64_t until_ns)
{
    struct breaker_key key = {.until_ns = until_ns};

    if (id.len != 0 && id.len <= sizeof key.id) {
        memcpy(key.id, id.data, id.len);
        key.id_len = id.len;
    }
    return key;
}

void breaker_succeed(struct breaker *breaker)
{
    breaker->failures = 0;
}

/* When all places are taken the oldest goes: it is tried again a little earlier. */
static void set_aside(struct breaker *breaker, struct ps_bytes id, uint64_t until_ns)
{
    size_t place = breaker->aside_count;

    if (place == BREAKER_ASIDE_MAX) {
        place = 0;
        for (size_t i = 1; i < BREAKER_ASIDE_MAX; i++) {
            place = breaker->aside[i].until_ns < breaker->aside[place].until_ns ? i : place;
        }
    } else {
        breaker->aside_count++;
    }
    breaker->aside[place] = key_of(id, until_ns);
}

static enum breaker_verdict judge(struct breaker *breaker, struct ps_bytes id, uint64_t now_ns)
{
    const bool same_again = breaker->one_key && id.len != 0 && now_ns < breaker->last.until_ns &&
                            ps_bytes_equal(id_of(&breaker->last), id);

    breaker->failures = 0;
    if (same_again) {
        set_aside(breaker, id, now_ns + ASIDE_NS);
        breaker->last.until_ns = now_ns + ASIDE_NS + REMEMBER_NS;
        return BREAKER_SET_ASIDE;
    }
    breaker->last = breaker->one_key ? key_of(id, now_ns + REMEMBER_NS) : key_of(id, 0);
    return BREAKER_RELOAD;
}

enum breaker_verdict breaker_fail(struct breaker *breaker, struct ps_bytes id, uint64_t now_ns)
{
    if (breaker->failures == 0) {
        breaker->culprit = key_of(id, 0);
        breaker->one_key = id.len != 0;
    } else if (!ps_bytes_equal(id_of(&breaker->culprit), id)) {
        breaker->one_key = false;
    }
    breaker->failures++;
    return breaker->failures < BREAKER_FAILURES ? BREAKER_GO_ON : judge(breaker, id, now_ns);
}

bool breaker_is_aside(struct breaker *breaker, struct ps_bytes id, uint64_t now_ns)
{
    for (size_t i = 0; i < breaker->aside_count; i++) {
        if (now_ns >= breaker->aside[i].until_ns) {
            breaker->aside[i] = breaker->aside[--breaker->aside_count];
            i--;
            continue;
        }
        if (ps_bytes_equal(id_of(&breaker->aside[i]), id)) {
            return true;
        }
    }
    return false;
}
