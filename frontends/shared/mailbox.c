#include "frontends/shared/mailbox.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct mailbox {
    pthread_mutex_t mutex;
    struct mail *first;
    struct mail *last;
    mailbox_fn *fn;
    void *context;
    int fd; /* says that there is something */
    struct ps_watch *watch;
};

static struct mail *take_all(struct mailbox *mailbox)
{
    struct mail *first;

    (void)pthread_mutex_lock(&mailbox->mutex);
    first = mailbox->first;
    mailbox->first = NULL;
    mailbox->last = NULL;
    (void)pthread_mutex_unlock(&mailbox->mutex);
    return first;
}

static void deliver(struct mailbox *mailbox)
{
    struct mail *mail;

    while ((mail = take_all(mailbox)) != NULL) {
        while (mail != NULL) {
            struct mail *const next = mail->next;

            mailbox->fn(mailbox->context, mail);
            mail = next;
        }
    }
}

static void on_mail(void *context, uint32_t events)
{
    struct mailbox *mailbox = context;
    uint64_t count;
    const ssize_t got = read(mailbox->fd, &count, sizeof count);

    (void)events;
    (void)got;
    deliver(mailbox);
}

static enum ps_err open_mailbox(struct mailbox *mailbox, struct ps_loop *loop)
{
    mailbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (mailbox->fd < 0) {
        return ps_fail_errno(PS_E_INTERNAL, "eventfd");
    }
    return ps_watch_new(loop, mailbox->fd, EPOLLIN, on_mail, mailbox, &mailbox->watch);
}

enum ps_err mailbox_new(struct ps_loop *loop, mailbox_fn *fn, void *context,
                        struct mailbox **ret_mailbox)
{
    struct mailbox *mailbox = calloc(1, sizeof *mailbox);
    enum ps_err err;

    if (mailbox == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    (void)pthread_mutex_init(&mailbox->mutex, NULL);
    mailbox->fn = fn;
    mailbox->context = context;
    err = open_mailbox(mailbox, loop);
    if (err != PS_OK) {
        mailbox_free(mailbox);
        return err;
    }
    *ret_mailbox = mailbox;
    return PS_OK;
}

void mailbox_free(struct mailbox *mailbox)
{
    if (mailbox == NULL) {
        return;
    }
    deliver(mailbox);
    ps_watch_free(mailbox->watch);
    if (mailbox->fd >= 0) {
        (void)close(mailbox->fd);
    }
    (void)pthread_mutex_destroy(&mailbox->mutex);
    free(mailbox);
}

void mailbox_post(struct mailbox *mailbox, struct mail *mail)
{
    const uint64_t one = 1;
    ssize_t written;

    mail->next = NULL;
    (void)pthread_mutex_lock(&mailbox->mutex);
    if (mailbox->last != NULL) {
        mailbox->last->next = mail;
    } else {
        mailbox->first = mail;
    }
    mailbox->last = mail;
    (void)pthread_mutex_unlock(&mailbox->mutex);
    /* It fails only when it says already that there is something. */
    written = write(mailbox->fd, &one, sizeof one);
    (void)written;
}
