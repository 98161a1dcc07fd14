#include "tests/fuzz/log_files.h"

#include "keystore/log/log.h"

/* Whatever the files hold: opened, it goes on and comes back the same; or it is refused. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct log_config config = {.directory = log_files_directory(), .name = "events"};
    uint64_t durable = 0;

    log_files_write(ps_bytes(data, size));
    for (int turn = 0; turn < 2; turn++) {
        struct ps_loop *loop;
        struct log_writer *writer;
        struct log *log;
        uint64_t index;

        assert(ps_loop_new(&loop) == PS_OK &&
               log_writer_new(loop, &(struct log_handler){0}, NULL, &writer) == PS_OK);
        if (log_open(writer, &config, &log) == PS_OK) {
            assert(log_size(log) >= durable && log_check(log) == PS_OK);
            assert(log_append(log, ps_bytes_str("x"), &index) == PS_OK && log_sync(log) == PS_OK);
            durable = log_durable(log);
        } else {
            assert(durable == 0);
        }
        log_writer_free(writer);
        ps_loop_free(loop);
    }
    log_files_remove();
    return 0;
}
