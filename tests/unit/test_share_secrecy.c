/*
 * m - 1 shares reveal nothing of a PIN but its length: each PIN of that length is led to by exactly
 * one value of a missing share, and the octets of m - 1 shares are distributed alike whatever the
 * PIN is.
 */
#include "tests/unit/support.h"

#include "lib/ceremony/custody/share.h"

#define PIN "k7v2-9qmx-4w3p-tz8r"

enum { PIN_LEN = sizeof PIN - 1, OCTETS = 256, PAIRS = OCTETS * OCTETS };

struct splitting {
    unsigned threshold;
    unsigned count;
    uint8_t known[3]; /* numbers of the m - 1 shares */
    uint8_t missing;
};

static const struct splitting splittings[] = {
    {.threshold = 2, .count = 2, .known = {1}, .missing = 2},
    {.threshold = 2, .count = 3, .known = {3}, .missing = 1},
    {.threshold = 3, .count = 3, .known = {3, 1}, .missing = 2},
    {.threshold = 3, .count = 5, .known = {5, 2}, .missing = 4},
    {.threshold = 4, .count = 16, .known = {16, 1, 9}, .missing = 4},
};

static void clear(struct ps_secret **values)
{
    for (size_t i = 0; i < SHARE_COUNT_MAX; i++) {
        ps_secret_free(values[i]);
        values[i] = NULL;
    }
}

/* What the known shares and this value of the missing one come to. */
static void complete(const struct splitting *s, struct ps_secret **values, const uint8_t *missing,
                     uint8_t *ret_pin)
{
    PS_CLEANUP(ps_secret_free_cleanup) struct ps_secret *pin = NULL;
    struct share_value chosen[4];
    const size_t known = s->threshold - 1;

    for (size_t i = 0; i < known; i++) {
        chosen[i] = (struct share_value){.number = s->known[i],
                                         .value = ps_secret_bytes(values[s->known[i] - 1])};
    }
    chosen[known] = (struct share_value){.number = s->missing, .value = ps_bytes(missing, PIN_LEN)};
    assert_ok(share_combine(chosen, known + 1, &pin));
    memcpy(ret_pin, ps_secret_bytes(pin).data, PIN_LEN);
}

/*
 * led_by[i][p]: the octet of the missing share that makes octet i of the PIN p. That each p has
 * one, and no two have the same, is what is shown: 256 values lead to 256 octets.
 */
static void every_octet_is_led_to_once(const struct splitting *s, struct ps_secret **values,
                                       uint8_t led_by[PIN_LEN][OCTETS])
{
    bool is_led_to[PIN_LEN][OCTETS] = {{false}};
    uint8_t missing[PIN_LEN];
    uint8_t pin[PIN_LEN];

    for (unsigned value = 0; value < OCTETS; value++) {
        memset(missing, (int)value, sizeof missing);
        complete(s, values, missing, pin);
        for (size_t i = 0; i < PIN_LEN; i++) {
            assert_false(is_led_to[i][pin[i]]);
            is_led_to[i][pin[i]] = true;
            led_by[i][pin[i]] = (uint8_t)value;
        }
    }
}

static void m_minus_1_shares_reveal_nothing_each_pin_has_one_share_that_leads_to_it(void **state)
{
    static const char *const pins[] = {PIN, "0000000000000000000", "k7v2-9qmx-4w3p-tz8s",
                                       "AAAA-AAAA-AAAA-AAAA", "zzzzzzzzzzzzzzzzzzz"};
    static uint8_t led_by[PIN_LEN][OCTETS];
    struct ps_secret *values[SHARE_COUNT_MAX] = {NULL};
    uint8_t missing[PIN_LEN];
    uint8_t pin[PIN_LEN];

    (void)state;
    for (size_t n = 0; n < PS_COUNT_OF(splittings); n++) {
        const struct splitting *s = &splittings[n];

        assert_ok(share_split(ps_bytes_str(PIN), s->threshold, s->count, values));
        every_octet_is_led_to_once(s, values, led_by);
        for (size_t p = 0; p < PS_COUNT_OF(pins); p++) {
            for (size_t i = 0; i < PIN_LEN; i++) {
                missing[i] = led_by[i][(uint8_t)pins[p][i]];
            }
            complete(s, values, missing, pin);
            assert_memory_equal(pin, pins[p], PIN_LEN);
        }
        clear(values);
    }
}

/* How often the octets of the known shares, one or two, were each of what they can be. */
static void count_octets(const struct splitting *s, const uint8_t *pin, unsigned splits,
                         unsigned *counts)
{
    struct ps_secret *values[SHARE_COUNT_MAX] = {NULL};

    for (unsigned n = 0; n < splits; n++) {
        const uint8_t *first;
        const uint8_t *second;

        assert_ok(share_split(ps_bytes(pin, SHARE_VALUE_MAX), s->threshold, s->count, values));
        first = ps_secret_bytes(values[s->known[0] - 1]).data;
        second = s->threshold == 3 ? ps_secret_bytes(values[s->known[1] - 1]).data : NULL;
        for (size_t i = 0; i < SHARE_VALUE_MAX; i++) {
            counts[second == NULL ? first[i] : first[i] * OCTETS + second[i]]++;
        }
        clear(values);
    }
}

/*
 * Pearson's test that all are equally likely. The sum has the mean `cells - 1` and twice that as
 * its variance; with 256 cells or more it is beyond 8 standard deviations less than once in 10^10
 * times.
 */
static void assert_uniform(const unsigned *counts, unsigned cells, unsigned total)
{
    const double expected = (double)total / cells;
    const double mean = cells - 1;
    double sum = 0;

    for (unsigned i = 0; i < cells; i++) {
        sum += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    assert_true((sum - mean) * (sum - mean) < 64 * 2 * mean);
}

static void assert_uniform_whatever_the_pin_is(const struct splitting *s, unsigned cells,
                                               unsigned splits)
{
    static const uint8_t pins[] = {0x00, 'A', 0xff};
    static unsigned counts[PAIRS];
    uint8_t pin[SHARE_VALUE_MAX];

    for (size_t p = 0; p < sizeof pins; p++) {
        memset(pin, pins[p], sizeof pin);
        memset(counts, 0, sizeof counts);
        count_octets(s, pin, splits, counts);
        assert_uniform(counts, cells, splits * SHARE_VALUE_MAX);
    }
}

static void m_minus_1_shares_reveal_nothing_they_are_uniform_whatever_the_pin_is(void **state)
{
    (void)state;
    assert_uniform_whatever_the_pin_is(&splittings[0], OCTETS, 512);
    assert_uniform_whatever_the_pin_is(&splittings[1], OCTETS, 512);
    assert_uniform_whatever_the_pin_is(&splittings[2], PAIRS, 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(m_minus_1_shares_reveal_nothing_each_pin_has_one_share_that_leads_to_it),
        cmocka_unit_test(m_minus_1_shares_reveal_nothing_they_are_uniform_whatever_the_pin_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
