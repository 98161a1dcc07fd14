#include "module.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "cryptoki.h"
#include "objects.h"
#include "store.h"

#define DIRECTORY_VARIABLE "FAKE_P11_DIR"

static struct {
    pthread_rwlock_t lock;
    struct module *module;
    struct fake_control *control;
    char directory[1024];
} global = {.lock = PTHREAD_RWLOCK_INITIALIZER};

/*
 * After a fork the child has the memory but not the threads, and must call C_Initialize itself. The
 * locks may be held by threads it does not have, so all of it is left behind, not freed.
 */
static void forget_after_fork(void)
{
    pthread_rwlock_init(&global.lock, NULL);
    global.module = NULL;
}

__attribute__((constructor)) static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, forget_after_fork);
}

/*
 * A mapping is kept until the process ends, since calls may outlive C_Finalize; a test that goes
 * on to another directory costs another one.
 */
static void map_control(const char *directory)
{
    struct fake_control *control;
    if (!directory || strlen(directory) >= sizeof(global.directory) ||
        (global.control && (global.module || strcmp(directory, global.directory) == 0)))
        return;
    global.control = control_open(directory, &control) == 0 ? control : NULL;
    memcpy(global.directory, directory, strlen(directory) + 1);
}

struct fake_control *module_control(void)
{
    pthread_rwlock_wrlock(&global.lock);
    map_control(getenv(DIRECTORY_VARIABLE));
    struct fake_control *control = global.control;
    pthread_rwlock_unlock(&global.lock);
    return control;
}

struct module *module_acquire(void)
{
    pthread_rwlock_rdlock(&global.lock);
    struct module *module = global.module;
    if (module)
        atomic_fetch_add_explicit(&module->refs, 1, memory_order_relaxed);
    pthread_rwlock_unlock(&global.lock);
    return module;
}

static void close_tokens(struct module *module)
{
    for (unsigned i = 0; i < FAKE_TOKENS; i++) {
        if (module->tokens[i].directory >= 0)
            close(module->tokens[i].directory);
        pthread_mutex_destroy(&module->tokens[i].change);
    }
}

void module_release(struct module *module)
{
    if (!module || atomic_fetch_sub(&module->refs, 1) != 1)
        return;
    session_table_clear(&module->sessions);
    object_table_clear(&module->objects);
    close_tokens(module);
    if (module->directory >= 0)
        close(module->directory);
    free(module);
}

unsigned module_token_count(struct module *module)
{
    uint64_t count = atomic_load(&module->control->token_count);
    return count < FAKE_TOKENS ? (unsigned)count : FAKE_TOKENS;
}

enum role module_role(struct module *module, unsigned token)
{
    uint64_t login = atomic_load(&module->tokens[token].login);
    if (login >> 2 != atomic_load(&module->control->tokens[token].login_epoch))
        return ROLE_NONE;
    return (enum role)(login & 3);
}

void module_set_role(struct module *module, unsigned token, enum role role)
{
    uint64_t epoch = atomic_load(&module->control->tokens[token].login_epoch);
    atomic_store(&module->tokens[token].login, epoch << 2 | role);
}

static bool open_tokens(struct module *module)
{
    bool sound = true;
    for (unsigned i = 0; i < FAKE_TOKENS; i++) {
        struct token *token = &module->tokens[i];
        pthread_mutex_init(&token->change, NULL);
        atomic_store(&token->seen_epoch, atomic_load(&module->control->tokens[i].session_epoch));
        token->directory = store_open(module->directory, i);
        sound = sound && token->directory >= 0;
    }
    return sound;
}

static struct module *module_new(struct fake_control *control)
{
    struct module *module = calloc(1, sizeof(*module));
    if (!module)
        return NULL;
    atomic_init(&module->refs, 1);
    module->control = control;
    module->directory = open(global.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    session_table_init(&module->sessions);
    object_table_init(&module->objects);
    if (module->directory >= 0 && open_tokens(module))
        return module;
    module_release(module);
    return NULL;
}

static CK_RV check_arguments(const CK_C_INITIALIZE_ARGS *arguments)
{
    if (!arguments)
        return CKR_OK;
    int given = (arguments->CreateMutex != NULL) + (arguments->DestroyMutex != NULL) +
                (arguments->LockMutex != NULL) + (arguments->UnlockMutex != NULL);
    if (arguments->pReserved || (given != 0 && given != 4))
        return CKR_ARGUMENTS_BAD;
    /* PKCS#11 v3.1, C_Initialize, third case: only the caller's mutexes, which we do not use. */
    return given == 4 && !(arguments->flags & CKF_OS_LOCKING_OK) ? CKR_CANT_LOCK : CKR_OK;
}

static CK_RV publish(struct module *module)
{
    CK_RV rv = CKR_CRYPTOKI_ALREADY_INITIALIZED;
    pthread_rwlock_wrlock(&global.lock);
    if (!global.module) {
        global.module = module;
        rv = CKR_OK;
    }
    pthread_rwlock_unlock(&global.lock);
    if (rv != CKR_OK)
        module_release(module);
    return rv;
}

CK_RV C_Initialize(CK_VOID_PTR arguments)
{
    struct call call;
    struct fake_control *control = module_control();
    if (!control)
        return CKR_GENERAL_ERROR;
    CK_RV rv = call_begin_early(&call, control, FAKE_C_Initialize);
    if (rv == CKR_OK)
        rv = check_arguments(arguments);
    if (rv != CKR_OK)
        return call_end(&call, rv);
    struct module *module = module_new(control);
    if (!module)
        return call_end(&call, CKR_GENERAL_ERROR);
    rv = publish(module);
    return call_end(&call, rv);
}

CK_RV C_Finalize(CK_VOID_PTR reserved)
{
    struct call call;
    if (reserved)
        return CKR_ARGUMENTS_BAD;
    CK_RV rv = call_begin(&call, FAKE_C_Finalize);
    struct module *module = NULL;
    if (rv == CKR_OK) {
        pthread_rwlock_wrlock(&global.lock);
        module = global.module;
        global.module = NULL;
        pthread_rwlock_unlock(&global.lock);
    }
    module_release(module);
    return call_end(&call, rv);
}
