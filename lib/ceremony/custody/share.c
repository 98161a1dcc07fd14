#include "lib/ceremony/custody/share.h"

#include "lib/base/name.h"
#include "lib/base/reader.h"

#include <libgfshare.h>

static const char magic[] = "PSSHARE";
#define MAGIC_LEN (sizeof magic - 1)

/* Versions. */
enum { PLAIN = 1, BLINDED = 2 };

static const char commitment_name[] = "privyseal share commitment v1";

const char *share_pin_name(enum share_pin pin)
{
    return pin == SHARE_PIN_SO ? "so" : "user";
}

static bool bounds_fit(unsigned threshold, unsigned count)
{
    return threshold >= SHARE_THRESHOLD_MIN && threshold <= count && count <= SHARE_COUNT_MAX;
}

static enum ps_err check(const struct share *share)
{
    if (share->pin != SHARE_PIN_USER && share->pin != SHARE_PIN_SO) {
        return ps_fail(PS_E_INPUT, 0, "a share of neither the user's nor the SO's PIN");
    }
    if (!bounds_fit(share->threshold, share->count) || share->number == 0 ||
        share->number > share->count) {
        return ps_fail(PS_E_INPUT, 0, "a share's number, threshold or count is out of bounds");
    }
    if (!ps_name_valid(share->token) || !ps_name_valid(share->officer)) {
        return ps_fail(PS_E_INPUT, 0, "a share's token or officer is no name");
    }
    if (share->value.len == 0 || share->value.len > SHARE_VALUE_MAX ||
        (share->blind.len != 0 && share->blind.len != SHARE_BLIND_LEN)) {
        return ps_fail(PS_E_INPUT, 0, "a share is empty or too long");
    }
    return PS_OK;
}

static void put_short(struct ps_bytes octets, struct ps_buf *out)
{
    ps_buf_put_u8(out, (uint8_t)octets.len);
    ps_buf_put(out, octets);
}

enum ps_err share_put(const struct share *share, struct ps_buf *out)
{
    PS_TRY(check(share));
    ps_buf_put(out, ps_bytes(magic, MAGIC_LEN));
    ps_buf_put_u8(out, share->blind.len != 0 ? BLINDED : PLAIN);
    ps_buf_put_u8(out, (uint8_t)share->pin);
    ps_buf_put_u8(out, share->threshold);
    ps_buf_put_u8(out, share->count);
    ps_buf_put_u8(out, share->number);
    ps_buf_put(out, ps_bytes(share->set, SHARE_SET_LEN));
    put_short(share->token, out);
    put_short(share->officer, out);
    put_short(share->value, out);
    ps_buf_put(out, share->blind);
    return ps_buf_status(out);
}

static struct ps_bytes take_short(struct ps_reader *reader)
{
    return ps_reader_take(reader, ps_reader_u8(reader));
}

enum ps_err share_read(struct ps_bytes octets, struct share *ret_share)
{
    struct ps_reader reader = ps_reader(octets);
    struct share share = {.pin = SHARE_PIN_USER};
    const struct ps_bytes begin = ps_reader_take(&reader, MAGIC_LEN);
    const uint8_t version = ps_reader_u8(&reader);
    struct ps_bytes set;

    if (!ps_bytes_equal(begin, ps_bytes(magic, MAGIC_LEN)) ||
        (version != PLAIN && version != BLINDED)) {
        return ps_fail(PS_E_INPUT, 0, "not a share of a PIN, or of a later version");
    }
    share.pin = (enum share_pin)ps_reader_u8(&reader);
    share.threshold = ps_reader_u8(&reader);
    share.count = ps_reader_u8(&reader);
    share.number = ps_reader_u8(&reader);
    set = ps_reader_take(&reader, SHARE_SET_LEN);
    share.token = take_short(&reader);
    share.officer = take_short(&reader);
    share.value = take_short(&reader);
    share.blind = ps_reader_take(&reader, version == BLINDED ? SHARE_BLIND_LEN : 0);
    if (ps_reader_finish(&reader) != PS_OK) {
        return ps_fail(PS_E_INPUT, 0, "a share that is cut off, or has something behind it");
    }
    memcpy(share.set, set.data, SHARE_SET_LEN);
    PS_TRY(check(&share));
    *ret_share = share;
    return PS_OK;
}

void share_commit(struct ps_bytes octets, uint8_t ret_commitment[PS_SHA256_LEN])
{
    /* With its NUL, so that the name ends where the share begins. */
    const struct ps_bytes parts[] = {ps_bytes(commitment_name, sizeof commitment_name), octets};

    ps_hash_parts(PS_SHA256, parts, PS_COUNT_OF(parts), ret_commitment);
}

/* --- Shamir --- */

static void fill_random(unsigned char *out, unsigned int len)
{
    ps_random(out, len);
}

/* The library overwrites what it held with random octets, too: it is set before any context. */
static void use_our_generator(void)
{
    gfshare_fill_rand = fill_random;
}

static void context_free(gfshare_ctx **context)
{
    if (*context != NULL) {
        gfshare_ctx_free(*context);
    }
}

/* Its functions want octets that they may write to; they do not. */
static unsigned char *octets_of(struct ps_bytes octets)
{
    return (unsigned char *)(uintptr_t)octets.data;
}

static enum ps_err take_values(gfshare_ctx *context, unsigned count, size_t len,
                               struct ps_secret *ret_values[])
{
    uint8_t room[SHARE_VALUE_MAX] = {0};
    enum ps_err err = PS_OK;
    unsigned made = 0;

    while (made < count && err == PS_OK) {
        gfshare_ctx_enc_getshare(context, (unsigned char)made, room);
        err = ps_secret_new(ps_bytes(room, len), &ret_values[made]);
        made += err == PS_OK ? 1 : 0;
    }
    ps_wipe(room, sizeof room);
    while (err != PS_OK && made != 0) {
        ps_secret_free(ret_values[--made]);
        ret_values[made] = NULL;
    }
    return err;
}

enum ps_err share_split(struct ps_bytes pin, unsigned threshold, unsigned count,
                        struct ps_secret *ret_values[])
{
    PS_CLEANUP(context_free) gfshare_ctx *context = NULL;
    uint8_t numbers[SHARE_COUNT_MAX];

    if (pin.len == 0 || pin.len > SHARE_VALUE_MAX || !bounds_fit(threshold, count)) {
        return ps_fail(PS_E_INPUT, 0,
                       "a PIN of 1 to %d octets is split among %d to %d people, of whom at least "
                       "%d put it together",
                       SHARE_VALUE_MAX, SHARE_THRESHOLD_MIN, SHARE_COUNT_MAX, SHARE_THRESHOLD_MIN);
    }
    for (unsigned i = 0; i < count; i++) {
        numbers[i] = (uint8_t)(i + 1);
    }
    use_our_generator();
    context = gfshare_ctx_init_enc(numbers, count, (unsigned char)threshold, (unsigned)pin.len);
    if (context == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    gfshare_ctx_enc_setsecret(context, octets_of(pin));
    return take_values(context, count, pin.len, ret_values);
}

static enum ps_err check_values(const struct share_value *shares, size_t count)
{
    bool has_come[UINT8_MAX + 1] = {false};

    if (count == 0 || count > SHARE_COUNT_MAX) {
        return ps_fail(PS_E_INPUT, 0, "no shares, or too many");
    }
    for (size_t i = 0; i < count; i++) {
        if (shares[i].number == 0 || has_come[shares[i].number] || shares[i].value.len == 0 ||
            shares[i].value.len > SHARE_VALUE_MAX || shares[i].value.len != shares[0].value.len) {
            return ps_fail(PS_E_INPUT, 0, "shares that do not belong together");
        }
        has_come[shares[i].number] = true;
    }
    return PS_OK;
}

enum ps_err share_combine(const struct share_value *shares, size_t count,
                          struct ps_secret **ret_pin)
{
    PS_CLEANUP(context_free) gfshare_ctx *context = NULL;
    uint8_t numbers[SHARE_COUNT_MAX];
    uint8_t pin[SHARE_VALUE_MAX] = {0};
    enum ps_err err;

    PS_TRY(check_values(shares, count));
    for (size_t i = 0; i < count; i++) {
        numbers[i] = shares[i].number;
    }
    use_our_generator();
    context = gfshare_ctx_init_dec(numbers, (unsigned)count, (unsigned)shares[0].value.len);
    if (context == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        gfshare_ctx_dec_giveshare(context, (unsigned char)i, octets_of(shares[i].value));
    }
    gfshare_ctx_dec_extract(context, pin);
    err = ps_secret_new(ps_bytes(pin, shares[0].value.len), ret_pin);
    ps_wipe(pin, sizeof pin);
    return err;
}
