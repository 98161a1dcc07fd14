#include "objects.h"

#include <stdlib.h>

/* A handle is the place in the table, counted from 1, and how often the place was used. */
#define PLACE_BITS 24
#define PLACE_MASK ((1UL << PLACE_BITS) - 1)

void object_table_init(struct object_table *table)
{
    pthread_rwlock_init(&table->lock, NULL);
}

void object_table_clear(struct object_table *table)
{
    for (size_t i = 0; i < table->size; i++)
        object_release(table->slots[i].object);
    free(table->slots);
    pthread_rwlock_destroy(&table->lock);
}

static bool table_grow(struct object_table *table)
{
    size_t size = table->size ? table->size * 2 : 256;
    if (size > PLACE_MASK)
        return false;
    struct object_slot *slots = realloc(table->slots, size * sizeof(*slots));
    if (!slots)
        return false;
    for (size_t i = size; i-- > table->size;) {
        slots[i] = (struct object_slot){.next_free = table->first_free};
        table->first_free = i + 1;
    }
    table->slots = slots;
    table->size = size;
    return true;
}

static void slot_give_handle(struct object_table *table, size_t place)
{
    struct object_slot *slot = &table->slots[place - 1];
    slot->sequence++;
    slot->object->handle = slot->sequence << PLACE_BITS | place;
}

static void slot_empty(struct object_table *table, size_t place)
{
    struct object_slot *slot = &table->slots[place - 1];
    object_release(slot->object);
    slot->object = NULL;
    slot->next_free = table->first_free;
    table->first_free = place;
}

CK_RV objects_add(struct object_table *table, struct object *object, CK_OBJECT_HANDLE *ret_handle)
{
    pthread_rwlock_wrlock(&table->lock);
    if (table->first_free == 0 && !table_grow(table)) {
        pthread_rwlock_unlock(&table->lock);
        object_release(object);
        return CKR_HOST_MEMORY;
    }
    size_t place = table->first_free;
    table->first_free = table->slots[place - 1].next_free;
    table->slots[place - 1].object = object;
    slot_give_handle(table, place);
    if (ret_handle)
        *ret_handle = object->handle;
    pthread_rwlock_unlock(&table->lock);
    return CKR_OK;
}

struct object *objects_acquire(struct object_table *table, CK_OBJECT_HANDLE handle)
{
    struct object *object = NULL;
    size_t place = handle & PLACE_MASK;
    pthread_rwlock_rdlock(&table->lock);
    if (place > 0 && place <= table->size)
        object = table->slots[place - 1].object;
    if (object && object->handle == handle)
        object_ref(object);
    else
        object = NULL;
    pthread_rwlock_unlock(&table->lock);
    return object;
}

bool objects_hold(struct object_table *table, const struct object *object)
{
    pthread_rwlock_rdlock(&table->lock);
    bool holds = table->slots[(object->handle & PLACE_MASK) - 1].object == object;
    pthread_rwlock_unlock(&table->lock);
    return holds;
}

void objects_replace(struct object_table *table, struct object *old, struct object *next)
{
    pthread_rwlock_wrlock(&table->lock);
    size_t place = old->handle & PLACE_MASK;
    struct object_slot *slot = &table->slots[place - 1];
    if (slot->object != old) {
        object_release(next);
    } else if (next) {
        next->handle = old->handle;
        slot->object = next;
        object_release(old);
    } else {
        slot_empty(table, place);
    }
    pthread_rwlock_unlock(&table->lock);
}

CK_RV objects_list_stored(struct object_table *table, unsigned token, struct object ***ret_list,
                          size_t *ret_count)
{
    pthread_rwlock_rdlock(&table->lock);
    struct object **list = calloc(table->size + 1, sizeof(struct object *));
    size_t count = 0;
    for (size_t i = 0; list && i < table->size; i++) {
        struct object *object = table->slots[i].object;
        if (object && object->token == token && object->owner == CK_INVALID_HANDLE)
            list[count++] = object_ref(object);
    }
    pthread_rwlock_unlock(&table->lock);
    if (!list)
        return CKR_HOST_MEMORY;
    *ret_list = list;
    *ret_count = count;
    return CKR_OK;
}

CK_RV objects_find(struct module *module, unsigned token, const CK_ATTRIBUTE *templ, CK_ULONG count,
                   CK_OBJECT_HANDLE **ret_handles, CK_ULONG *ret_count)
{
    struct object_table *table = &module->objects;
    bool user = module_role(module, token) == ROLE_USER;
    pthread_rwlock_rdlock(&table->lock);
    CK_OBJECT_HANDLE *handles = calloc(table->size + 1, sizeof(*handles));
    CK_ULONG found = 0;
    for (size_t i = 0; handles && i < table->size; i++) {
        const struct object *object = table->slots[i].object;
        if (object && object->token == token && (user || !object->is_private) &&
            object_matches(object, templ, count))
            handles[found++] = object->handle;
    }
    pthread_rwlock_unlock(&table->lock);
    if (!handles)
        return CKR_HOST_MEMORY;
    *ret_handles = handles;
    *ret_count = found;
    return CKR_OK;
}

void objects_drop_session(struct module *module, unsigned token, CK_SESSION_HANDLE owner)
{
    struct object_table *table = &module->objects;
    pthread_rwlock_wrlock(&table->lock);
    for (size_t i = 0; i < table->size; i++) {
        const struct object *object = table->slots[i].object;
        if (object && object->token == token && object->owner != CK_INVALID_HANDLE &&
            (owner == CK_INVALID_HANDLE || object->owner == owner))
            slot_empty(table, i + 1);
    }
    pthread_rwlock_unlock(&table->lock);
}

void objects_drop_private_handles(struct module *module, unsigned token)
{
    struct object_table *table = &module->objects;
    pthread_rwlock_wrlock(&table->lock);
    for (size_t i = 0; i < table->size; i++) {
        const struct object *object = table->slots[i].object;
        if (!object || object->token != token || !object->is_private)
            continue;
        if (object->owner != CK_INVALID_HANDLE)
            slot_empty(table, i + 1);
        else
            slot_give_handle(table, i + 1);
    }
    pthread_rwlock_unlock(&table->lock);
}

/* The last place met of each kind of object. */
struct kinds {
    struct {
        CK_OBJECT_CLASS class;
        CK_KEY_TYPE key_type;
        struct object_slot *last;
    } kinds[16];
    size_t count;
};

static struct object_slot **last_of_kind(struct kinds *kinds, const struct object *object)
{
    for (size_t i = 0; i < kinds->count; i++)
        if (kinds->kinds[i].class == object->class && kinds->kinds[i].key_type == object->key_type)
            return &kinds->kinds[i].last;
    if (kinds->count == sizeof(kinds->kinds) / sizeof(kinds->kinds[0]))
        return NULL;
    kinds->kinds[kinds->count].class = object->class;
    kinds->kinds[kinds->count].key_type = object->key_type;
    return &kinds->kinds[kinds->count++].last;
}

static void swap_objects(struct object_slot *a, struct object_slot *b)
{
    struct object *object = a->object;
    CK_OBJECT_HANDLE handle = object->handle;
    object->handle = b->object->handle;
    b->object->handle = handle;
    a->object = b->object;
    b->object = object;
}

/* A handle goes to the next object of the same kind, so that its use still works. */
static void exchange_handles(struct object_table *table, unsigned token)
{
    struct kinds kinds = {.count = 0};
    for (size_t i = 0; i < table->size; i++) {
        struct object_slot *slot = &table->slots[i];
        if (!slot->object || slot->object->token != token)
            continue;
        struct object_slot **last = last_of_kind(&kinds, slot->object);
        if (last && *last)
            swap_objects(*last, slot);
        if (last)
            *last = slot;
    }
}

void objects_renew_handles(struct object_table *table, unsigned token, bool reuse)
{
    pthread_rwlock_wrlock(&table->lock);
    for (size_t i = 0; i < table->size; i++) {
        const struct object *object = table->slots[i].object;
        if (!object || object->token != token)
            continue;
        if (object->owner != CK_INVALID_HANDLE)
            slot_empty(table, i + 1);
        else if (!reuse)
            slot_give_handle(table, i + 1);
    }
    if (reuse)
        exchange_handles(table, token);
    pthread_rwlock_unlock(&table->lock);
}
