#include "frontends/shared/commits.h"

#include "frontends/shared/workers.h"

#include <stdlib.h>

struct commits {
    struct job job; /* first: a job is its commits; the commit that is on its way */
    struct workers *workers;
    struct db *db;
    struct mail *made;  /* what it is about */
    struct mail *first; /* what waits for the next one */
    struct mail **end;
    size_t waiting;
    size_t waiting_max;
    bool busy;
};

/* A change begins with its mail. */
static struct change *change_of(struct mail *mail)
{
    return (struct change *)(void *)mail;
}

static void note(struct change *change, enum ps_err err)
{
    change->err = err;
    if (err != PS_OK) {
        change->detail = *ps_detail();
    }
}

static bool is_own(enum ps_err err)
{
    return err == PS_OK || err == PS_E_NOT_FOUND || err == PS_E_CONFLICT;
}

static enum ps_err apply_all(struct mail *first, struct db *db)
{
    DB_TRANSACTION_AUTO transaction = {0};

    PS_TRY(db_begin(db, &transaction));
    for (struct mail *mail = first; mail != NULL; mail = mail->next) {
        struct change *change = change_of(mail);
        const enum ps_err err = change->apply(change, db);

        if (!is_own(err)) {
            return err;
        }
        note(change, err);
    }
    /* A file that has no name any more is durable for nobody. */
    PS_TRY(db_check_alive(db));
    return db_commit(&transaction);
}

static void commit(struct job *job, void *own)
{
    struct commits *commits = (struct commits *)(void *)job;
    const enum ps_err err = apply_all(commits->made, own);

    for (struct mail *mail = commits->made; err != PS_OK && mail != NULL; mail = mail->next) {
        note(change_of(mail), err);
    }
}

static void tell(struct change *change)
{
    if (change->err != PS_OK) {
        ps_record_failure(change->err, change->detail.code, "%s", change->detail.text);
    }
    change->done(change, change->err);
}

static void begin(struct commits *commits);

static void on_committed(struct job *job)
{
    struct commits *commits = (struct commits *)(void *)job;
    struct mail *mail = commits->made;

    commits->made = NULL;
    commits->busy = false;
    /* Before it is told: the disk works meanwhile. */
    begin(commits);
    while (mail != NULL) {
        struct mail *const next = mail->next;

        tell(change_of(mail));
        mail = next;
    }
}

static void begin(struct commits *commits)
{
    if (commits->busy || commits->first == NULL) {
        return;
    }
    commits->busy = true;
    commits->made = commits->first;
    commits->first = NULL;
    commits->end = &commits->first;
    commits->waiting = 0;
    commits->job = (struct job){.work = commit, .done = on_committed};
    /* It refuses when it is being stopped, and then its thread is no more. */
    if (workers_do(commits->workers, &commits->job) != PS_OK) {
        commit(&commits->job, commits->db);
        on_committed(&commits->job);
    }
}

enum ps_err commits_new(struct ps_loop *loop, struct db *db, size_t waiting,
                        struct commits **ret_commits)
{
    struct commits *commits = calloc(1, sizeof *commits);
    void *own = db;
    enum ps_err err;

    if (commits == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    commits->db = db;
    commits->end = &commits->first;
    commits->waiting_max = waiting;
    err = workers_new(loop, 1, 1, &own, &commits->workers);
    if (err != PS_OK) {
        free(commits);
        return err;
    }
    *ret_commits = commits;
    return PS_OK;
}

void commits_free(struct commits *commits)
{
    if (commits != NULL) {
        workers_free(commits->workers);
        free(commits);
    }
}

enum ps_err commits_make(struct commits *commits, struct change *change)
{
    if (commits->waiting == commits->waiting_max) {
        return ps_fail(PS_E_BUSY, 0, "too much waits to be written");
    }
    commits->waiting++;
    change->mail.next = NULL;
    *commits->end = &change->mail;
    commits->end = &change->mail.next;
    begin(commits);
    return PS_OK;
}
