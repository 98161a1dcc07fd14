#include "keystore/events/derive.h"

#include "keystore/events/derive_internal.h"
#include "keystore/snapshot/saved.h"

void derive_adopt(struct derive *derive)
{
    derive->rows_are_ours = true;
}

struct catalog *derive_catalog(struct derive *derive)
{
    return derive->rows;
}

struct ps_bytes derive_held_effects(const struct derive *derive)
{
    return ps_buf_bytes(&derive->held_effects);
}

struct ps_bytes derive_held_data(const struct derive *derive)
{
    return ps_buf_bytes(&derive->held);
}

uint64_t derive_held_event(const struct derive *derive)
{
    return derive->held_event;
}

struct ps_bytes derive_open_intent(const struct derive *derive, size_t at, uint64_t *ret_event)
{
    if (at >= derive->intents.count) {
        return ps_bytes(NULL, 0);
    }
    *ret_event = derive->intents.items[at].event;
    return ps_buf_bytes(&derive->intents.items[at].data);
}

bool derive_intent_has_ended(const struct derive *derive, size_t at)
{
    return at < derive->intents.count && derive->intents.items[at].has_ended;
}

const struct recall *derive_recall(const struct derive *derive)
{
    return derive->recall;
}

const struct encryptions_book *derive_encryptions(const struct derive *derive)
{
    return derive->encryptions;
}

const struct derived_keys *derive_keys(const struct derive *derive)
{
    return &derive->keys;
}

void derive_set_watch(struct derive *derive, const struct derive_watch *watch)
{
    derive->watch = *watch;
}

uint64_t derive_first_signed(const struct derive *derive)
{
    return derive->first_signed;
}

uint64_t derive_next(const struct derive *derive)
{
    return derive->edge.size;
}

const struct merkle_edge *derive_edge(const struct derive *derive)
{
    return &derive->edge;
}

void derive_set_signed(struct derive *derive, uint64_t size)
{
    derive->pauses = size != derive->signed_size;
    derive->signed_size = size;
    if (derive->first_signed == UINT64_MAX) {
        derive->first_signed = size;
    }
}

uint64_t derive_signed(const struct derive *derive)
{
    return derive->signed_size;
}

bool derive_has_unsigned(const struct derive *derive)
{
    return derive->has_unsigned;
}

void derive_set_judge(struct derive *derive, const struct derive_judge *judge)
{
    derive->judge = *judge;
}

uint64_t derive_shards(const struct derive *derive)
{
    return derive->shards;
}

uint64_t derive_last_time_ns(const struct derive *derive)
{
    return derive->last_time_ns;
}

uint64_t derive_clock_doubted_ns(const struct derive *derive)
{
    return derive->clock_doubted_ns;
}

bool derive_was_unreadable(const struct derive *derive)
{
    return derive->was_unreadable;
}

bool derive_has_genesis(const struct derive *derive)
{
    return derive->has_genesis;
}

/* --- Snapshots --- */

/* People have yet to say with which key it goes on. */
static bool is_being_restored(const struct derived_keys *keys)
{
    return keys->keys.is_restored || keys->offered.len != 0;
}

static void save_keys(const struct derived_keys *keys, struct ps_buf *out)
{
    saved_put(out, ps_buf_bytes(&keys->keys.key));
    ps_buf_put_u64(out, keys->keys.count);
    ps_buf_put_u64(out, keys->named_event);
    ps_buf_put_u64(out, keys->restored_event);
    saved_put(out, ps_buf_bytes(&keys->restored));
}

static enum ps_err resume_keys(struct derived_keys *keys, struct ps_reader *reader)
{
    ps_buf_put(&keys->keys.key, saved_take(reader));
    keys->keys.count = (unsigned)ps_reader_u64(reader);
    keys->named_event = ps_reader_u64(reader);
    keys->restored_event = ps_reader_u64(reader);
    ps_buf_put(&keys->restored, saved_take(reader));
    PS_TRY(ps_buf_status(&keys->keys.key));
    return ps_buf_status(&keys->restored);
}

enum ps_err derive_save(const struct derive *derive, struct ps_buf *out)
{
    if (is_being_restored(&derive->keys) || !derive->has_genesis) {
        return ps_fail(PS_E_STATE, 0, "of a log that is being restored there is no snapshot");
    }
    ps_buf_put_u64(out, derive->edge.size);
    save_keys(&derive->keys, out);
    ps_buf_put_u64(out, derive->shards);
    ps_buf_put_u64(out, derive->last_time_ns);
    ps_buf_put_u64(out, derive->clock_doubted_ns);
    intents_save(&derive->intents, out);
    recall_save(derive->recall, out);
    nonces_save(derive->nonces, out);
    encryptions_book_save(derive->encryptions, out);
    return ps_buf_status(out);
}

enum ps_err derive_resume(struct derive *derive, const struct merkle_edge *edge,
                          struct ps_bytes saved)
{
    struct ps_reader reader = ps_reader(saved);

    if (ps_reader_u64(&reader) != edge->size) {
        return ps_fail(PS_E_DENIED, 0, "the snapshot is of another number of leaves");
    }
    derive->edge = *edge;
    PS_TRY(resume_keys(&derive->keys, &reader));
    derive->shards = ps_reader_u64(&reader);
    derive->last_time_ns = ps_reader_u64(&reader);
    derive->clock_doubted_ns = ps_reader_u64(&reader);
    PS_TRY(intents_resume(&derive->intents, &reader));
    PS_TRY(recall_resume(derive->recall, &reader));
    PS_TRY(nonces_resume(derive->nonces, &reader));
    PS_TRY(encryptions_book_resume(derive->encryptions, &reader));
    derive->has_genesis = true;
    return ps_reader_finish(&reader);
}
